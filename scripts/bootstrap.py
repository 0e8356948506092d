"""Makes the virtual environment a make target needs: `bootstrap.py VENV LOCK [EXTRA_LOCK ...]`.

Uses only the standard library, so that a bare machine (git, make, Python 3.11 or newer) is enough. Every
package is installed by hash from a lock file; a stamp in the environment makes the second call instant, also when
what is wanted was installed as part of more; a file lock lets two make targets run at once.
"""

from __future__ import annotations

import hashlib
import os
import re
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


def pins(locks: list[Path]) -> set[str]:
    """Return what `locks` pin, as name==version."""
    return {pin for lock in locks for pin in re.findall(r"^[\w.-]+==[^\s;]+", lock.read_text(), re.MULTILINE)}


def is_installed(environment: Path, locks: list[Path]) -> bool:
    """Tell whether `environment` holds what `locks` pin: installed as such, or within a larger set."""
    for stamp in environment.glob(".installed-*"):
        installed = [ROOT / "lock" / f"{stem}.txt" for stem in stamp.name.removeprefix(".installed-").split("-")]
        if not all(lock.exists() for lock in installed) or stamp.read_text() != fingerprint(installed):
            continue
        if pins(locks) <= pins(installed):
            return True
    return False


def create(environment: Path) -> None:
    """Make an empty environment in place of whatever is there."""
    print(f"set-up 1/2: creating {environment.name} with Python {sys.version.split()[0]}", flush=True)
    try:
        venv.create(environment, with_pip=True, clear=True)
    except (subprocess.CalledProcessError, OSError) as error:
        sys.exit(
            f"set-up failed: {environment.name} could not be created ({error}).\n"
            "On Debian and Ubuntu the module is a package of its own: apt install python3-venv. Then try again."
        )


def is_of_this_python(environment: Path) -> bool:
    """Tell whether `environment` exists, works, and was made by this version of Python."""
    about = environment / "pyvenv.cfg"
    if not python_of(environment).exists() or not about.exists():
        return False
    return "version = {}.{}.{}".format(*sys.version_info[:3]) in about.read_text().splitlines()


def bootstrap(environment: Path, locks: list[Path]) -> None:
    """Create or refresh `environment` so that it holds what `locks` name, and say what takes time."""
    with only_one(environment.with_name(environment.name + ".lock")):
        if not is_of_this_python(environment):
            create(environment)
        if is_installed(environment, locks):
            return
        names = ", ".join(lock.name for lock in locks)
        print(f"set-up 2/2: installing what {names} pins (once; about a minute)", flush=True)
        command = [str(python_of(environment)), "-m", "pip", "install", "--quiet", "--no-input"]
        command += ["--disable-pip-version-check", "--require-hashes", "--no-deps"]
        # sphinxbase-style source builds need a compiler a bare machine lacks; PyAudio has no Linux wheel.
        if not any(lock.stem == "live" for lock in locks):
            command += ["--only-binary", ":all:"]
        for lock in locks:
            command += ["-r", str(lock)]
        wanted = fingerprint(locks)  # before: a lock that changes meanwhile is not what was installed
        result = subprocess.run(command, check=False)
        if result.returncode:
            sys.exit(
                "set-up failed: pip could not install the pinned packages (its words are above).\n"
                "Check that a package index can be reached and that this is Python 3.11 or 3.12 on a\n"
                "platform with wheels; then run the same command again: it goes on where it stopped."
            )
        stamp = environment / f".installed-{'-'.join(lock.stem for lock in locks)}"
        stamp.write_text(wanted)


def main() -> None:
    """Parse the command line and bootstrap."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts this may have an older one
        sys.exit(f"Parley needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try PYTHON=python3.12 make …")
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    bootstrap(ROOT / sys.argv[1], [ROOT / name for name in sys.argv[2:]])


if __name__ == "__main__":
    main()
