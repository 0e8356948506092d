"""Tests of the load: a bench that measures wrongly is worse than none."""
