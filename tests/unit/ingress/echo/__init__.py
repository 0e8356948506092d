"""Tests of the echo canceller."""
