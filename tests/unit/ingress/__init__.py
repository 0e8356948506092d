"""The core of ingress, without a socket."""
