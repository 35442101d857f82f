"""FE, feedforward excitation: A excites B."""

from msc.search.motifs import IN, Motif, Slot

MOTIF = Motif(1, "FE", "feedforward excitation", ("A", "B"), (), (Slot(IN, "A"), Slot("A", "B")), ("A", "B"))
