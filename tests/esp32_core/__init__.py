"""The ESP32 client's core, tried on this machine: see clients/esp32/tests."""
