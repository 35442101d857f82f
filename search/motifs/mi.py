"""MI, mutual inhibition: two inhibitory populations inhibit each other a step later, and an output each."""

from msc.search.motifs import IN, Motif, Slot

MOTIF = Motif(
    5,
    "MI",
    "mutual inhibition",
    ("A", "B1", "B2"),
    ("I1", "I2"),
    (
        Slot(IN, "A"),
        Slot("A", "I1"),
        Slot("A", "I2"),
        Slot("I1", "I2"),
        Slot("I2", "I1"),
        Slot("A", "B1"),
        Slot("A", "B2"),
        Slot("I1", "B1"),
        Slot("I2", "B2"),
    ),
    ("A", "B1", "B2"),
    twins=(("I1", "I2"), ("B1", "B2")),
)
