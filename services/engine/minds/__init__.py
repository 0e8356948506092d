"""Minds: from a conversation to what is to be said."""
