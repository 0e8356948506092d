"""Makes the virtual environment a make target needs: `bootstrap.py VENV LOCK [EXTRA_LOCK ...]`.

Uses only the standard library, so that a bare machine (git, make, Python 3.11 or newer) is enough. Every
package is installed by hash from a lock file; a stamp in the environment makes the second call instant; a file
lock lets two make targets run at once.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold an exclusive file lock; a second caller waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        if os.name == "posix":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def fingerprint(locks: list[Path]) -> str:
    """Name what is installed: the locks' contents and the Python that installed them."""
    digest = hashlib.sha256(sys.version.encode())
    for lock in locks:
        digest.update(lock.read_bytes())
    return digest.hexdigest()


def python_of(environment: Path) -> Path:
    """Return the interpreter inside a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def bootstrap(environment: Path, locks: list[Path]) -> None:
    """Create or refresh `environment` so that it holds what `locks` name, and say what takes time."""
    stamp = environment / f".installed-{'-'.join(lock.stem for lock in locks)}"
    wanted = fingerprint(locks)
    with only_one(environment.with_name(environment.name + ".lock")):
        if stamp.exists() and stamp.read_text() == wanted:
            return
        if not python_of(environment).exists():
            print(f"set-up 1/2: creating {environment.name} with Python {sys.version.split()[0]}", flush=True)
            venv.create(environment, with_pip=True, clear=environment.exists())
        names = ", ".join(lock.name for lock in locks)
        print(f"set-up 2/2: installing what {names} pins (once; about a minute)", flush=True)
        command = [str(python_of(environment)), "-m", "pip", "install", "--quiet", "--no-input"]
        command += ["--disable-pip-version-check", "--require-hashes", "--no-deps"]
        # sphinxbase-style source builds need a compiler a bare machine lacks; PyAudio has no Linux wheel.
        if not any(lock.stem == "live" for lock in locks):
            command += ["--only-binary", ":all:"]
        for lock in locks:
            command += ["-r", str(lock)]
        result = subprocess.run(command, check=False)
        if result.returncode:
            sys.exit(
                "set-up failed: pip could not install the pinned packages (its words are above).\n"
                "Check that a package index can be reached and that this is Python 3.11 or 3.12 on a\n"
                "platform with wheels; then run the same command again: it goes on where it stopped."
            )
        stamp.write_text(wanted)


def main() -> None:
    """Parse the command line and bootstrap."""
    if sys.version_info < (3, 11):
        sys.exit(f"Parley needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try PYTHON=python3.12 make …")
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    bootstrap(ROOT / sys.argv[1], [ROOT / name for name in sys.argv[2:]])


if __name__ == "__main__":
    main()
