"""The ring: ingress hears, vad decides, broker thinks, egress speaks; engine is a model for a machine without a key."""

import os

# gRPC writes to standard error itself, past our log, a line for each handshake that fails: whoever knocks at a door of
# TLS with anything else could fill a disk with them, and none is JSON. It looks at this as it is imported: so first.
_IS_JSON = os.environ.get("PARLEY_LOG", "").strip().lower() == "json"
os.environ.setdefault("GRPC_VERBOSITY", "NONE" if _IS_JSON else "ERROR")
