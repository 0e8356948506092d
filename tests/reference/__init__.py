"""A server for trying clients: it plays the scenes among the vectors in real time, with whatever client calls."""
