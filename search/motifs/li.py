"""LI, lateral inhibition: two pathways share one inhibitory population that inhibits both."""

from msc.search.motifs import IN, Motif, Slot

MOTIF = Motif(
    4,
    "LI",
    "lateral inhibition",
    ("A1", "A2", "B1", "B2"),
    ("I",),
    (
        Slot(IN, "A1"),
        Slot(IN, "A2"),
        Slot("A1", "I"),
        Slot("A2", "I"),
        Slot("A1", "B1"),
        Slot("A2", "B2"),
        Slot("I", "B1"),
        Slot("I", "B2"),
    ),
    ("A1", "A2", "B1", "B2"),
    twins=(("A1", "A2"), ("B1", "B2")),
)
