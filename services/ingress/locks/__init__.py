"""Locks: who may call, with what proof, and how much of it: tokens, keys, revocation, accounts (docs/tokens.md)."""
