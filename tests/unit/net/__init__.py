"""The network of the chaos tests, in virtual time."""
