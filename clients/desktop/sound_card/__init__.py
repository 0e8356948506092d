"""Sound cards: what there is, how it is chosen, opened and kept, whichever library drives it."""
