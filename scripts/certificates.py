"""`make certificates OUT=folder`: a small CA, and a certificate of it for each door and stage. For trials only.

The CA's key lies beside the certificates, whoever reads the folder can make more of them, and nothing renews them
after 30 days: where people's voices are at stake, have cert-manager or your own CA do it (docs/tls.md). A folder that
has a CA already keeps it, and gets new certificates: services that run take them up by themselves.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DAYS = 30
STAGES = ("ingress", "vad", "broker", "egress")
HERE = ("localhost", "127.0.0.1", "::1")
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
LEAF = (
    "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n"
)


def main(arguments: list[str]) -> int:
    """Make them; return the exit code."""
    if not arguments or arguments[0].startswith("-"):
        print("Say where to and, if clients call it by other names, which: OUT=folder NAMES='parley.example 10.0.0.5'")
        return 2
    if shutil.which("openssl") is None:
        print("make certificates needs the program openssl, and it is not on the PATH: install it.", file=sys.stderr)
        return 1
    folder, names = Path(arguments[0]), arguments[1:]
    try:
        make(folder, names)
    except OSError as error:
        print(f"Cannot write to {folder}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"openssl failed: {error.stderr.decode(errors='replace').strip()}", file=sys.stderr)
        return 1
    print(
        f"In {folder}, for {DAYS} days and for trials only: ca.pem; door.pem for {', '.join((*HERE, *names))}; "
        f"one each for {', '.join(STAGES)}, and redis. "
        "The .key files are secrets. docs/tls.md says what is set to them."
    )
    return 0


def make(folder: Path, names: list[str]) -> None:
    """Make the CA if there is none, and the certificates. Raises OSError and CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    os.umask(0o077)
    if not (folder / "ca.key").exists():
        limits = "basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign"
        _openssl(
            *("req", "-x509", *KEY, "-keyout", folder / "ca.key", "-out", folder / "ca.pem"),
            *("-days", str(DAYS), "-subj", "/CN=Parley, for trials only", "-addext", limits[0], "-addext", limits[1]),
        )
    issue(folder, "door", [*HERE, *names])
    for stage in STAGES:
        issue(folder, stage, [stage])
    issue(folder, "redis", ["redis", *HERE])


def issue(folder: Path, name: str, names: list[str]) -> None:
    """Make one certificate; the files that were there are replaced at once."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        work = Path(temporary)
        (work / "limits").write_text(f"{LEAF}subjectAltName={','.join(map(_alternative, names))}\n")
        _openssl("req", "-new", *KEY, "-keyout", work / "key", "-out", work / "request", "-subj", f"/CN={name}")
        ca = ("-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-set_serial", f"0x{os.urandom(16).hex()}")
        limits = ("-days", str(DAYS), "-extfile", work / "limits")
        _openssl("x509", "-req", "-in", work / "request", *ca, *limits, "-out", work / "certificate")
        os.chmod(work / "certificate", 0o644)
        os.replace(work / "key", folder / f"{name}.key")
        os.replace(work / "certificate", folder / f"{name}.pem")


def _alternative(name: str) -> str:
    return f"IP:{name}" if ":" in name or name.replace(".", "").isdigit() else f"DNS:{name}"


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
