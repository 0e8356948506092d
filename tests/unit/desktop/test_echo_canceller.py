"""The client's canceller takes a room's echo away, whatever the callbacks' times are worth, and leaves the person."""

from __future__ import annotations

import numpy as np
import pytest

from clients.desktop.echo import aec3
from clients.desktop.echo.aec3 import BLOCK, LATENCY, Aec3
from clients.desktop.echo.canceller import EchoCanceller
from clients.desktop.echo.reference import Reference
from clients.desktop.echo.way import EchoWay, decide, worn
from clients.desktop.sound import pcm_of, samples_of
from tests.fakes import speech

from .echo_room import Room, erle_db, story

pytestmark = pytest.mark.skipif(not aec3.installed(), reason="there is no wheel of the echo canceller here")


@pytest.mark.parametrize("late_ms", [0, 60, 150, -30])
def test_echo_becomes_20_db_quieter(late_ms: float) -> None:
    """Even where the driver's times are wrong: then the delay is found in the sound, and told on the meter."""
    mic, left, canceller = Room(late_ms=late_ms).play(story(2))
    assert erle_db(mic, left, from_s=5) > 20
    assert canceller.state.erle_db is not None
    assert canceller.state.erle_db > 20
    assert canceller.state.delay_ms == pytest.approx(late_ms + 3, abs=5)
    assert canceller.reference.lacked == 0


def test_clocks_that_drift_are_followed() -> None:
    """A microphone 200 millionths faster than the speaker: 2 ms in these ten seconds."""
    mic, left, _ = Room(drift_ppm=200).play(story(2))
    assert erle_db(mic, left, from_s=5) > 20


def test_a_person_over_the_reply_stays() -> None:
    """Who speaks as loud as at a desk, over an echo 10 dB softer than the reply, loses less than 3 dB."""
    reply = story(2)
    words = speech.say("no wait, I wanted to know something else about this house")
    person = np.zeros(len(reply))
    said = samples_of(words).astype(np.float64)
    begin = 5 * 16_000
    person[begin : begin + len(said)] = said
    _, left, _ = Room().play(reply, person)
    heard = left[begin + LATENCY :][: len(said)]
    kept = np.dot(heard, said) / np.dot(said, said)
    assert 0.7 < kept < 1.1


def test_silence_of_the_speaker_leaves_the_microphone_alone() -> None:
    """While nothing is played a voice passes at its level."""
    said = samples_of(speech.say("hello, is anybody there")).astype(np.float64)
    _, left, canceller = Room().play(np.zeros(len(said)), said)
    heard = left[LATENCY:]
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(said[: len(heard)] ** 2)), rel=0.15)
    assert canceller.state.erle_db is None


def test_the_wheel_is_late_by_so_much() -> None:
    """A click comes out `LATENCY` samples after it went in."""
    near = np.zeros(40 * BLOCK, np.int16)
    near[20 * BLOCK] = 20_000
    clean = Aec3().process(near, np.zeros(len(near), np.int16))
    assert abs(int(np.argmax(np.abs(clean.astype(int)))) - 20 * BLOCK - LATENCY) <= 2


@pytest.mark.parametrize("sizes", [[480], [240, 719, 1], [960, 7]])
def test_the_reference_is_what_was_played_at_the_microphones_rate(sizes: list[int]) -> None:
    """A tone keeps its phase and level within 3 %, in whatever slices it was given."""
    tone = 10_000 * np.sin(2 * np.pi * 1_000 * np.arange(24_000) / 24_000)
    reference, at = Reference(), 0
    while at < len(tone):
        size = sizes[at % len(sizes)]
        reference.add(np.rint(tone[at : at + size]).astype(np.int16))
        at += size
    assert 15_990 <= reference.end <= 16_000
    expected = 10_000 * np.sin(2 * np.pi * 1_000 * np.arange(1_000, 15_000) / 16_000)
    assert np.max(np.abs(reference.read(1_000, 14_000) - expected)) < 300


def test_what_was_not_played_is_silence() -> None:
    """Before the beginning, after the end and long ago: the last is not kept."""
    reference = Reference()
    reference.add(np.full(2_400, 5_000, np.int16))
    assert not reference.read(-500, 400).any()
    assert not reference.read(5_000, 400).any()
    assert reference.lacked == 400
    for _ in range(100):
        reference.add(np.full(2_400, 5_000, np.int16))
    assert not reference.read(0, 1_000).any()


@pytest.mark.parametrize(
    "name", ["Headphones (Realtek)", "USB Headset", "AirPods Pro von Eva", "Kopfhörer", "WH-1000XM5"]
)
def test_headphones_are_known_by_name(name: str) -> None:
    """Where the system calls the speaker so there is no echo, unless the person says otherwise."""
    assert worn(name)
    assert decide("", name) is EchoWay.HEADPHONES
    assert decide("device", name) is EchoWay.DEVICE


@pytest.mark.parametrize(
    "name", ["Speakers (Realtek)", "Built-in Audio Analog Stereo", "HDMI 0", "MacBook Pro Speakers"]
)
def test_speakers_are_no_headphones(name: str) -> None:
    """They are cancelled here; a microphone that the system has cleaned already is left alone."""
    assert not worn(name)
    assert decide("", name) is EchoWay.DEVICE
    assert decide("", name, "Echo-Cancel Source") is EchoWay.OFF
    assert decide("headphones", name) is EchoWay.HEADPHONES


def test_without_the_wheel_the_server_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine for which there is none."""
    monkeypatch.setattr(aec3, "_wheel", None)
    assert decide("", "Speakers") is EchoWay.SERVER
    assert decide("device", "Speakers") is EchoWay.SERVER
    with pytest.raises(RuntimeError, match="pip install pywebrtc-audio"):
        Aec3()


def test_tracks_are_bytes_of_the_same_length() -> None:
    """A frame in, a frame out, with the reference that was used."""
    canceller = EchoCanceller()
    canceller.play(pcm_of(np.full(480, 9, np.int16)), 1.0)
    clean, reference = canceller.feed(bytes(640), 1.0)
    assert (len(clean), len(reference)) == (640, 640)
