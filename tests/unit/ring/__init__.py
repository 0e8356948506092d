"""The whole ring in one process and in virtual time."""
