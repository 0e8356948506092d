"""The one shared place of the services: wires, store, audio arithmetic. It decides nothing."""
