"""The web client's core, in node."""
