"""What a person at a client goes through, measured: each client against a real ring, on good and bad networks."""
