"""Listening parts: from the audio of a turn to its words."""
