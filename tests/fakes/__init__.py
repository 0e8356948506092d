"""Stand-ins that the tests use for what lies outside the ring: a model, a person, a loudspeaker's tape."""
