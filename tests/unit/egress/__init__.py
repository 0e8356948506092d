"""The core of egress, with time as an argument."""
