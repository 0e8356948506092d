"""A Realtime API server for a machine without a key: it hears, thinks a little, and speaks."""
