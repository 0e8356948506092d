"""vad decides: when somebody speaks, when the turn is over, and who has the floor."""
