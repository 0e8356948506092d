"""Fits the head that hears the end of a turn (`services/vad/turn_head.npz`)."""
