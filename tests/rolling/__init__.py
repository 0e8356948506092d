"""Rolling restarts under live conversations."""
