"""Fuzzing of the two doors: their parsers, led by coverage, and a live ingress that is sent anything (`make fuzz`)."""
