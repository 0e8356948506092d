"""The ring: ingress hears, vad decides, broker thinks, egress speaks; engine is a model for a machine without a key."""
