"""FI, feedforward inhibition: A excites C, and inhibits it through I."""

from msc.search.motifs import IN, Motif, Slot

MOTIF = Motif(
    2,
    "FI",
    "feedforward inhibition",
    ("A", "C"),
    ("I",),
    (Slot(IN, "A"), Slot("A", "I"), Slot("A", "C"), Slot("I", "C")),
    ("A", "C"),
)
