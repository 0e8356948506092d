"""Conformance vectors: what any client of Parley has to read, write and do. README.md says how they are written."""
