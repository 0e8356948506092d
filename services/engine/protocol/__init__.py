"""The Realtime protocol without I/O and clock: client events in; server events, and work for the shell, out."""
