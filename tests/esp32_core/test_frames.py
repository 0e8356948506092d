"""The core reads and writes every frame among the vectors as they say."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.vectors.authority import tidy
from tests.vectors.frames import FrameVector, frames

from .programs import BUILD_S, Player

pytestmark = pytest.mark.timeout(2 * BUILD_S)

KINDS = ("", "opened", "replyEnded", "duck", "release", "flush", "caption", "state", "turnReport", "error", "draining",
         "closed", "heartbeat", "notice", "heard")  # fmt: skip
WHO = ("WHO_UNSPECIFIED", "WHO_USER", "WHO_ASSISTANT")
STATES = ("UNSPECIFIED", "IDLE", "LISTENING", "THINKING", "SPEAKING", "BARGE_IN")
ENCODINGS = ("ENCODING_UNSPECIFIED", "ENCODING_PCM16", "ENCODING_MULAW", "ENCODING_ALAW", "ENCODING_OPUS")
ECHOES = ("ECHO_UNSPECIFIED", "ECHO_DEVICE", "ECHO_SERVER", "ECHO_HEADPHONES")
CODES = {
    "error": ("UNSPECIFIED", "PROTOCOL", "VERSION", "FORMAT", "FULL", "UNAVAILABLE", "MODEL", "STORE", "SUPERSEDED",
              "RESUME", "LIMIT", "INTERNAL", "UNAUTHENTICATED"),
    "closed": ("UNSPECIFIED", "CLIENT", "SILENCE", "GOODBYE", "ASSISTANT", "BUDGET", "TIME", "OPERATOR", "DRAINING",
               "FAULT"),
    "notice": ("UNSPECIFIED", "ECHO_MISALIGNED", "ECHO_UNREDUCED", "ECHO_UNSTAMPED", "ECHO_CANCELLER_MISSING",
               "MODEL_RECONNECTING"),
}  # fmt: skip
NEVER_SENT = ("estimated", "traceparent", "oldestProtocol", "atUs", "echo")
"""Fields that this client has no use for. (`echo` is one of `audio`'s; of `open` it is sent.)"""
LARGEST_WORDS = 255
OPENED, CAPTION, STATE, REPORT = 1, 6, 7, 8


def server_frames() -> list[FrameVector]:
    """Return what the core must read."""
    return [vector for vector in frames() if vector.sender == "server"]


def client_frames() -> list[FrameVector]:
    """Return what the core must write: not what holds fields that it never sends."""
    return [vector for vector in frames() if vector.sender == "client" and vector.canonical and _is_sent(vector)]


def test_the_core_reads_the_servers_frames(host_programs: None) -> None:
    """Each that is valid means what it should; none that is not means anything."""
    wrong = []
    with Player() as player:
        for vector in server_frames():
            body = vector.binary if vector.binary is not None else vector.text or b""
            kind = "text" if vector.binary is None else "binary"
            told = list(player.say(f"decode {kind} {body.hex() or '-'}"))
            got = None if told == [("means", "nothing")] else _meaning(kind, told)
            wanted = None if vector.means is None else _as_read(tidy(vector.means))
            if got != wanted:
                wrong.append(f"{vector} ({vector.why}): {got}, not {wanted}"[:500])
    assert not wrong, "\n".join(wrong)


def test_the_core_writes_the_clients_frames(host_programs: None) -> None:
    """Each message becomes just the frame that the vectors have for it."""
    wrong, tried = [], 0
    with Player() as player:
        for vector in client_frames():
            ((_, rest),) = player.say(f"write {_command(vector.means or {})}")
            kind, _, hexed = rest.partition(" ")
            got = bytes.fromhex(hexed)
            tried += 1
            if kind == "binary":
                right = got == vector.binary
            else:
                right = vector.text is not None and json.loads(got or b"null") == json.loads(vector.text)
            if not right:
                wrong.append(f"{vector}: {got[:200]!r}, not {(vector.text or vector.binary or b'')[:200]!r}")
    assert not wrong, "\n".join(wrong)
    assert tried > 20, "the vectors have fewer frames of clients than they should"


@pytest.mark.parametrize(
    "name", ["audio", "open", "playback", "flushed", "interrupt", "mute", "pushToTalk", "say", "end"]
)
def test_every_kind_is_among_the_vectors(name: str) -> None:
    """No message that a client sends is left untried."""
    assert any(name in (vector.means or {}) for vector in client_frames())


# What was read, in protobuf's JSON


def _meaning(kind: str, told: list[tuple[str, str]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    stages = []
    for _, rest in told:
        name, _, value = rest.partition(" ")
        if name == "stage":
            us, _, hexed = value.partition(" ")
            stages.append((bytes.fromhex(hexed).decode(), int(us)))
        else:
            fields[name] = bytes.fromhex(value[1:]).decode() if value.startswith("s") and kind == "text" else value
    if kind == "binary":
        pcm = base64.b64encode(bytes.fromhex(fields["pcm"][1:])).decode()
        return {
            "audio": _without_defaults({"reply": int(fields["reply"]), "position": int(fields["position"]), "pcm": pcm})
        }
    number = int(fields["kind"])
    values = {key: value for key, value in fields.items() if key != "cut"}
    return {KINDS[number]: _without_defaults(_flat(number, values, stages))} if number else {}


def _flat(kind: int, fields: dict[str, str], stages: list[tuple[str, int]]) -> dict[str, Any]:
    numbers = {
        key: int(value) for key, value in fields.items() if key not in ("session", "resumeToken", "words", "kind")
    }
    return {**numbers, **{key: fields[key] for key in ("session", "resumeToken", "words")}, "stages": stages}


def _without_defaults(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value not in (0, "", [])}


# What should have been read, in the same shape


def _as_read(means: dict[str, Any]) -> dict[str, Any]:
    if not means:
        return {}
    ((kind, fields),) = means.items()
    shape: dict[str, Any] = {}
    for name, value in fields.items():
        _put(shape, kind, name, value)
    return {kind: _without_defaults(shape)}


def _put(shape: dict[str, Any], kind: str, name: str, value: Any) -> None:
    match name:
        case "limits":
            shape.update({f"limits.{limit}": number for limit, number in value.items()})
        case "input" | "output":
            shape[f"{name}.encoding"] = ENCODINGS.index(value.get("encoding", ENCODINGS[0]))
            shape[f"{name}.rateHz"] = value.get("rateHz", 0)
        case "text" | "message" | "reason":
            shape["words"] = value.encode()[:LARGEST_WORDS].decode(errors="ignore")
        case "code":
            shape["code"] = CODES[kind].index(value.removeprefix("CODE_"))
        case "who":
            shape["who"] = WHO.index(value)
        case "state":
            shape["state"] = STATES.index(value.removeprefix("CONVERSATION_STATE_"))
        case "gainDb":
            shape["gainMdb"] = round(value * 1000)
        case "stages":
            shape["stages"] = [(stage.get("name", ""), round(stage.get("ms", 0) * 1000)) for stage in value]
        case "session" | "resumeToken" | "pcm":
            shape[name] = value
        case _:
            shape[name] = int(value)


# What is to be written


def _is_sent(vector: FrameVector) -> bool:
    ((kind, fields),) = (vector.means or {"": {}}).items()
    if kind == "open":
        return not any(name in fields for name in ("traceparent", "oldestProtocol")) and fields.get("protocol") == 1
    return not any(name in fields for name in NEVER_SENT)


def _command(means: dict[str, Any]) -> str:
    """Return a message as the player takes it: `kind name=value …`, words in hex."""
    ((kind, fields),) = means.items()
    values: dict[str, Any] = {}
    for name, value in fields.items():
        if name in ("input", "output"):
            values[name] = ENCODINGS.index(value.get("encoding", ENCODINGS[0]))
            values[f"{name}Hz"] = value.get("rateHz", 0)
        elif name in ("next", "playhead"):
            values.update({key: int(number) for key, number in value.items()})
        elif name == "echo":
            values["echo"] = ECHOES.index(value)
        elif name == "pcm":
            values["pcm"] = base64.b64decode(value).hex()
        elif name in ("agent", "token", "resume", "text", "id", "reason"):
            values[name] = value.encode().hex()
        elif isinstance(value, bool):
            values[name] = int(value)
        else:
            values[name] = value
    return " ".join([kind, *(f"{name}={value}" for name, value in values.items() if value != "")]) + " "
