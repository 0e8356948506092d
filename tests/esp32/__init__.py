"""The ESP32 client on Linux (clients/esp32/port/posix), before the real ring: `make test-esp32`.

`program` builds it, `process` runs it, `person` speaks through it.
"""
