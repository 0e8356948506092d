"""The client's own ear: it hears a voice over the reply within a few frames, and little else; all it does is undone."""

from __future__ import annotations

import numpy as np
import pytest

from clients.desktop.fader import DUCK_HOLD_MS
from clients.desktop.local_duck import BEGINS_CANCELLED_DB, LocalDuck
from clients.desktop.playout import Playout
from clients.desktop.session import Session
from clients.desktop.sound import FRAME_MS, MIC_FRAME_SAMPLES, SPEAKER_FRAME_SAMPLES, pcm_of, samples_of
from parley.v1 import audio_pb2
from parley.v1 import conversation_service_pb2 as wire
from tests.fakes import speech

from .signals import reply_pcm

MIC_BYTES = 2 * MIC_FRAME_SAMPLES


def frames(pcm: bytes) -> list[bytes]:
    """Cut the microphone's sound into frames of 20 ms; what is left over is dropped."""
    return [pcm[at : at + MIC_BYTES] for at in range(0, len(pcm) - MIC_BYTES + 1, MIC_BYTES)]


def room(ms: int, rms: float = 20) -> bytes:
    """Return the hiss of a quiet room, the same each time."""
    return pcm_of((np.random.default_rng(5).standard_normal(ms * 16) * rms).astype(np.int16))


def mixed(one: bytes, other: bytes, gain_db: float = 0.0) -> bytes:
    """Return the first with the second, at that gain, on top."""
    a, b = samples_of(one).astype(np.float64), samples_of(other).astype(np.float64)
    both = np.zeros(max(len(a), len(b)))
    both[: len(a)] += a
    both[: len(b)] += b * 10 ** (gain_db / 20)
    return pcm_of(np.clip(np.rint(both), -32768, 32767).astype(np.int16))


def ducks(mic: bytes, *, sounding: bool = True, ear: LocalDuck | None = None, speaker: bytes = b"") -> list[int]:
    """Return the numbers of the frames at which it ducks, a loud reply sounding all the time."""
    ear = ear or LocalDuck()
    played = frames(speaker) if speaker else [reply_pcm(1, 0, SPEAKER_FRAME_SAMPLES)] * len(frames(mic))
    found = []
    for number, (frame, out) in enumerate(zip(frames(mic), played, strict=False)):
        if ear.hear(frame, sounding=sounding):
            found.append(number)
        ear.played(out)
    return found


@pytest.mark.parametrize("words", ["wait a moment", "no, stop that", "hey", "what about tomorrow"])
def test_a_voice_over_the_reply_ducks_within_200_ms_of_its_onset(words: str) -> None:
    """A person at a headset, whatever they say; the first consonant may have no voice."""
    silence_ms = 1_000
    found = ducks(mixed(room(3_000), speech.silence(silence_ms) + speech.say(words)))
    assert found
    assert 0 <= found[0] * FRAME_MS - silence_ms <= 200


def test_nothing_is_ducked_while_nothing_sounds() -> None:
    """Who speaks while the assistant is silent lowers nothing."""
    assert ducks(mixed(room(2_000), speech.say("hello there")), sounding=False) == []


@pytest.mark.parametrize("noise", ["cough", "hiss", "clicks"])
def test_noise_without_voice_does_not_duck(noise: str) -> None:
    """A cough, a fan and a keyboard are loud, and not voiced."""
    quiet = room(1_000)
    if noise == "cough":
        mic = quiet + mixed(room(600), speech.cough())
    elif noise == "hiss":
        mic = quiet + room(1_000, rms=2_000)
    else:
        clicks = np.zeros(16_000, np.int16)
        clicks[::2_400] = 20_000
        mic = quiet + pcm_of(clicks)
    assert ducks(mic) == []


def test_a_voice_ducks_once_until_it_falls_silent() -> None:
    """One that goes on does not lower the reply again when the first duck has run out; a new one does."""
    tone = pcm_of((8_000 * np.sin(2 * np.pi * 150 * np.arange(3 * 16_000) / 16_000)).astype(np.int16))
    assert len(ducks(room(500) + tone)) == 1
    assert len(ducks(room(500) + tone + room(200) + tone)) == 2


@pytest.mark.parametrize("left_db", [-25, -35])
def test_echo_that_is_left_does_not_duck_for_long(left_db: float) -> None:
    """What a canceller leaves of the reply is learnt: at most one duck in the first second, none after it."""
    reply = speech.say("once upon a time there was a house at the edge of a forest, and nobody knew who lived in it")
    mic = mixed(room(len(reply) // 32), speech.silence(60) + reply, gain_db=left_db)
    found = ducks(mic, ear=LocalDuck(BEGINS_CANCELLED_DB), speaker=reply)
    assert len(found) <= 1
    assert all(frame * FRAME_MS < 1_000 for frame in found)


def test_a_person_is_heard_over_echo_that_was_learnt() -> None:
    """At the level of somebody at their desk, over a reply of which 30 dB were taken away."""
    reply = speech.say("once upon a time there was a house at the edge of a forest, and nobody knew who lived in it")
    mic = mixed(room(len(reply) // 32), reply, gain_db=-30)
    mic = mixed(mic, speech.silence(2_000) + speech.say("stop, stop"))
    found = ducks(mic, ear=LocalDuck(BEGINS_CANCELLED_DB), speaker=reply)
    assert any(2_000 <= frame * FRAME_MS <= 2_300 for frame in found)


def test_switched_off_it_ducks_nothing() -> None:
    """Where the microphone is not free of echo it would only hear the reply."""
    ear = LocalDuck()
    ear.enabled = False
    assert ducks(mixed(room(2_000), speech.say("wait a moment")), ear=ear) == []


def sounding_session() -> Session:
    """Return a session in the middle of a long reply."""
    session = Session(Playout())
    audio = audio_pb2.ReplyAudio(reply=1, position=0, pcm=reply_pcm(1, 0, 96_000))
    session.receive(wire.ConverseResponse(audio=audio), 0.0)
    for _ in range(10):
        session.tick(bytes(MIC_BYTES), 0.0)
    return session


def test_the_session_lowers_the_reply_and_raises_it_by_itself() -> None:
    """At once, by 20 dB, and after 800 ms it is back: no verdict came. The server is told nothing of it."""
    session = sounding_session()
    mic = frames(speech.say("wait a moment, please"))
    at = next(number for number, frame in enumerate(mic) if session.tick(frame, 0.0) and session.playout.ducked)
    lowered = samples_of(session.tick(mic[at + 1], 0.0))
    assert np.max(np.abs(lowered)) <= 2_100
    for _ in range(DUCK_HOLD_MS // FRAME_MS + 1):
        session.tick(bytes(MIC_BYTES), 0.0)
    assert not session.playout.ducked
    assert np.max(samples_of(session.tick(bytes(MIC_BYTES), 0.0))) > 10_000


def test_the_servers_release_undoes_it() -> None:
    """Whoever ducked."""
    session = sounding_session()
    for frame in frames(speech.say("wait a moment")):
        session.tick(frame, 0.0)
        if session.playout.ducked:
            break
    session.receive(wire.ConverseResponse(release=wire.Release(seq=1)), 0.0)
    assert not session.playout.ducked


def test_a_muted_microphone_ducks_nothing() -> None:
    """Who is muted does not take the floor."""
    session = sounding_session()
    session.muted = True
    for frame in frames(speech.say("wait a moment")):
        session.tick(frame, 0.0)
    assert not session.playout.ducked
