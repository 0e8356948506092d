"""What the stages share, tested without I/O and without waiting."""
