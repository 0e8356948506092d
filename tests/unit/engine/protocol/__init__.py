"""Tests of the engine: its protocol, its memory, its small mind."""
