"""Trains the head of the content model: what was said over a reply (`services/vad/content`)."""
