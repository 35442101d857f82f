"""The page of an energy report: what a network spends, on what, and how sure that is."""
