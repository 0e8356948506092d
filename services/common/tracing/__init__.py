"""Tracing: one trace for each turn, sent by OTLP. docs/observing.md says how to read it, ADR 13 why it is made so."""
