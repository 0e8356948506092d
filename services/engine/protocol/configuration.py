"""The session object: what a client may set, checked and merged as the Realtime API does it.

Absent means unchanged, null clears; an update that is refused changes nothing.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from services.engine.protocol.audio_settings import DEFAULT_VOICE, IsVoice, input_at, output_at
from services.engine.protocol.detection_settings import SERVER_VAD, Detection
from services.engine.protocol.errors import ClientError, missing, wrong_value
from services.engine.protocol.fields import Fields, object_at, object_in, only, string_at
from services.engine.protocol.formats import PCM
from services.engine.protocol.model_settings import OF_SESSION, check_choice, include_at

_REALTIME, _TRANSCRIPTION = "realtime", "transcription"
_INPUT: Final[Fields] = {
    "format": PCM,
    "transcription": None,
    "noise_reduction": None,
    "turn_detection": SERVER_VAD,
}
_OUTPUT: Final[Fields] = {"format": PCM, "voice": DEFAULT_VOICE, "speed": 1.0}
_MAX_MODEL: Final = 256
_OF_LISTENING: Final = ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")
_UNSHOWN: Final = ("parallel_tool_calls",)  # may be set, and is in no official session that a server gives


def _any_voice(_: str) -> bool:
    return True


class Configuration:
    """The settings of one session, which is a conversation or, where it was asked for, transcription only."""

    def __init__(
        self,
        session_id: str,
        model: str,
        expires_at: int,
        *,
        transcribes_only: bool = False,
        is_voice: IsVoice = _any_voice,
    ) -> None:
        """`expires_at` is in seconds since 1970; `model` is the name that the client asked for."""
        self._model = model
        self._is_voice = is_voice
        self._identity: Fields = {"id": session_id, "expires_at": expires_at}
        self._input: Fields = copy.deepcopy(_INPUT)
        self._output: Fields = copy.deepcopy(_OUTPUT)
        self._rest: Fields = {name: copy.deepcopy(default) for name, (_, default) in OF_SESSION.items()}
        self.transcribes_only = False
        if transcribes_only:
            self._become_transcription()

    def as_dict(self) -> Fields:
        """The session object of `session.created` and `session.updated`."""
        if self.transcribes_only:
            kind = {"type": _TRANSCRIPTION, "object": "realtime.transcription_session", **self._identity}
            detection = self._input["turn_detection"]
            # The official session of this kind has only what concerns listening.
            shown = detection and {name: detection[name] for name in _OF_LISTENING if name in detection}
            audio = {"input": {**self._input, "turn_detection": shown}}
            return copy.deepcopy({**kind, "include": self._rest["include"], "audio": audio})
        kind = {"type": _REALTIME, "object": "realtime.session", **self._identity, "model": self._model}
        shown = {name: value for name, value in self._rest.items() if name not in _UNSHOWN}
        return copy.deepcopy({**kind, **shown, "audio": {"input": self._input, "output": self._output}})

    # What is set

    @property
    def transcription(self) -> Fields | None:
        """The input transcription settings; None means that no transcription events are wanted."""
        wanted: Fields | None = self._input["transcription"]
        return wanted

    @property
    def detection(self) -> Detection | None:
        """How the person's turns are detected; None means that the client commits them."""
        fields = self._input["turn_detection"]
        return None if fields is None else Detection.read(fields)

    @property
    def input_format(self) -> Fields:
        """What the client sends."""
        return dict(self._input["format"])

    @property
    def output(self) -> Fields:
        """How replies sound: their format, voice and speed."""
        return dict(self._output)

    @property
    def voice(self) -> str:
        """The voice to speak with."""
        return str(self._output["voice"])

    def __getitem__(self, name: str) -> Any:
        """One of the model's settings (`OF_SESSION`)."""
        return self._rest[name]

    # What a client sets

    def update(self, change: object, has_spoken: bool) -> None:
        """Merge the `session` of a `session.update`. Raises ClientError, and then nothing has changed."""
        fields = object_at(change, "session")
        kind = fields.get("type")
        if kind is None:
            raise missing("session.type")
        if kind == _TRANSCRIPTION:
            self._update_transcription(fields)
        elif kind == _REALTIME and not self.transcribes_only:
            self._update_realtime(fields, has_spoken)
        elif kind == _REALTIME:
            raise wrong_value("session.type", "a transcription session does not converse: connect without ?intent")
        else:
            raise wrong_value("session.type", 'it must be "realtime" or "transcription"')

    def output_with(self, change: Fields, path: str, has_spoken: bool) -> Fields:
        """`audio.output` after a change, which is not made yet. Raises ClientError."""
        output = output_at(change, self._output, path, self._is_voice)
        if has_spoken and output["voice"] != self.voice:
            message = "Cannot update a conversation's voice if assistant audio is present"
            raise ClientError("cannot_update_voice", message, f"{path}.voice")
        return output

    def _update_realtime(self, fields: Fields, has_spoken: bool) -> None:
        only(fields, ("type", "model", "audio", *OF_SESSION), "session")
        if fields.get("model") is not None:
            # The engine has one mind under any name, and clients name what they would ask OpenAI for.
            string_at(fields["model"], "session.model", _MAX_MODEL)
        rest = dict(self._rest)
        for name, (check, default) in OF_SESSION.items():
            if name in fields:
                value = fields[name]
                rest[name] = copy.deepcopy(default if value is None else check(value, f"session.{name}"))
        check_choice(rest["tools"], rest["tool_choice"], "session.tool_choice")
        if self._rest["tracing"] is not None and rest["tracing"] != self._rest["tracing"]:
            raise wrong_value("session.tracing", "it cannot change once tracing is on")
        audio = object_in(fields, "audio", "session")
        only(audio, ("input", "output"), "session.audio")
        heard = input_at(object_in(audio, "input", "session.audio"), self._input, "session.audio.input")
        spoken = self.output_with(object_in(audio, "output", "session.audio"), "session.audio.output", has_spoken)
        self._rest, self._input, self._output = rest, copy.deepcopy(heard), copy.deepcopy(spoken)

    def _update_transcription(self, fields: Fields) -> None:
        only(fields, ("type", "audio", "include"), "session")
        audio = object_in(fields, "audio", "session")
        only(audio, ("input",), "session.audio")
        change = object_in(audio, "input", "session.audio")
        heard = copy.deepcopy(input_at(change, self._input, "session.audio.input"))
        include = None if fields.get("include") is None else include_at(fields["include"], "session.include")
        if not self.transcribes_only:
            self._become_transcription()
            heard["transcription"] = heard["transcription"] or self._input["transcription"]
        self._input = heard
        if "include" in fields:
            self._rest["include"] = include

    def _become_transcription(self) -> None:
        """Nothing is answered from now on. Transcription is what such a session is for: it is on from the start."""
        self.transcribes_only = True
        self._input["transcription"] = {"model": self._model}
