"""Tests of the images and of the ring as containers: `make test-images`. They need podman or Docker."""
