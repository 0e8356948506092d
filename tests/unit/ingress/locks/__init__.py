"""Locks, in virtual time."""
