"""Tests of what fits the small weights."""
