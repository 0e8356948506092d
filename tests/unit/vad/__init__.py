"""Tests of the ear: voice activity, end of turn, interruption."""
