"""The chaos: what is held, and how it is scored."""
