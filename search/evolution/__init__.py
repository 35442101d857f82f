"""Evolution: who is scored next, by whom, and how nothing of it is lost."""
