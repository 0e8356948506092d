"""Voices: from a sentence to audio with word timings."""
