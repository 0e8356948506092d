"""egress speaks: it holds the replies, plays them out in time, and drops what must not be heard."""
