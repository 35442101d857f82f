"""FbI, feedback inhibition: A excites B and I, I inhibits A a step later."""

from msc.search.motifs import IN, Motif, Slot

MOTIF = Motif(
    3,
    "FbI",
    "feedback inhibition",
    ("A", "B"),
    ("I",),
    (Slot(IN, "A"), Slot("A", "B"), Slot("A", "I"), Slot("I", "A")),
    ("A", "B"),
)
