"""ingress hears: the client's only door. It owns the session's lease and route and judges nothing."""
