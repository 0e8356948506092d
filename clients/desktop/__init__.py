"""The desktop client: talks with Parley through this machine's sound card, or from files."""

import os

# gRPC writes to standard error itself what it thinks of a connection: a server that left an idle one, a handshake that
# failed. The person is told by our own sentences, and nothing may scribble over the screen. It looks at this as it is
# imported: so first. GRPC_VERBOSITY=INFO brings its lines back.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
