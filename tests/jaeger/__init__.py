"""The traces, looked at through a real Jaeger: `make test-jaeger`."""
