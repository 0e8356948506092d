"""Installs what a folder's package-lock.json pins, into its node_modules: `npm_packages.py FOLDER NODE_BIN`.

Uses the npm of NODE_BIN (a folder), or else the one on the path. A stamp makes the second call instant; a file lock
lets two make targets run at once. Where there is no npm, or it cannot install, one line says so and the exit status
is 0: what needs the packages is skipped then, and says so, too. Uses only the standard library.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.bootstrap import ROOT, only_one

_PATIENCE_S = 300


def find_npm(node_bin: Path) -> str | None:
    """Return the npm to use, if there is one."""
    own = node_bin / "npm"
    return str(own) if own.exists() else shutil.which("npm")


def install(folder: Path, npm: str) -> str:
    """Install what the lock pins, unless it is there; return why it could not be done, or nothing."""
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".installed"
    with only_one(folder / ".npm.lock"):
        if stamp.exists() and stamp.read_text() == wanted:
            return ""
        print(f"set-up: npm installs what {folder.relative_to(ROOT)}/package-lock.json pins (once)", flush=True)
        # npm is a script that looks for `node` on the path.
        environment = {**os.environ, "PATH": f"{Path(npm).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        command = [npm, "ci", "--loglevel=error", "--ignore-scripts"]
        try:
            ended = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
            )
        except (subprocess.TimeoutExpired, OSError) as error:
            return f"npm could not be run ({error})"
        if ended.returncode:
            return f"npm could not install them ({_reason(ended.stderr)})"
        stamp.write_text(wanted)
    return ""


def _reason(complaint: str) -> str:
    """Return the sentence in which npm says what went wrong: the last one but for where its log lies."""
    said = [line.removeprefix("npm error ") for line in complaint.splitlines() if line.startswith("npm error ")]
    return next((line for line in reversed(said) if "complete log" not in line), "it does not say why")


def main() -> None:
    """Parse the command line and install."""
    folder, node_bin = (ROOT / name for name in sys.argv[1:])
    npm = find_npm(node_bin)
    if why := install(folder, npm) if npm else "there is no npm on this machine":
        print(f"set-up: the npm packages of {folder.relative_to(ROOT)} are left out: {why}", flush=True)


if __name__ == "__main__":
    main()
