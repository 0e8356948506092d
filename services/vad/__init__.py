"""vad decides: when somebody speaks, when the turn is over, and who has the floor."""

import os

# numpy's OpenBLAS reads this once, when numpy is first imported. Threads of its own would spin for work that one core
# does in microseconds, and a ring serves many conversations on few cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
