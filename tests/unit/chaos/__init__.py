"""Tests of the chaos: a score that is wrong, or a leak that is not seen, proves nothing."""
