"""Chaos: every part of the ring is killed, frozen, cut off and slowed down in the middle of conversations."""
