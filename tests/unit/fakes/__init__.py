"""Tests of the test equipment: a fake that lies would make every other test lie."""
