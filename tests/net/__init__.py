"""A network of our own for tests: processes in pods, each with an address, and a relay between them that can misbehave.

`net.py` is what tests use; `pod.py` puts a process into a network namespace of its own; `relay.py` carries the packets
between them, in a process of its own. Needs Linux and root; `Net.obstacle()` says what else is missing.
"""
