"""The broker's core, in virtual time."""
