"""Verdicts in words: what an operator reads in the log."""

from __future__ import annotations

from parley.v1 import audio_pb2 as audio
from parley.v1 import session_pb2 as wire
from services.vad.explanation import in_words

Kind = wire.Interrupt


def test_a_cancel_says_what_it_rests_on() -> None:
    """The word, how sure, how soon, how clear."""
    evidence = wire.VerdictEvidence(confidence=0.94, word="stop", command=0.92, phrase=0.02, clarity_db=31.2)
    verdict = Kind(
        seq=7,
        kind=Kind.KIND_CANCEL,
        cause=Kind.CAUSE_WORD,
        onset_offset=16_000,
        decided_offset=20_800,
        playhead=audio.Playhead(reply=3),
        evidence=evidence,
    )
    assert in_words(verdict, tells_word=True) == (
        "verdict 7: cancel (word) 300 ms after the onset, reply 3, 31 dB over the room; "
        "sure 0.94: command 'stop' 0.92, phrase 0.02, backchannel 0.00, noise 0.00"
    )
    assert "command 0.92" in in_words(verdict), "the word itself is for who asked for words"


def test_a_duck_has_only_an_onset() -> None:
    """Nothing was heard of it yet but that it is there."""
    verdict = Kind(seq=1, kind=Kind.KIND_DUCK, cause=Kind.CAUSE_SPEECH, evidence=wire.VerdictEvidence(clarity_db=20))
    assert in_words(verdict) == "verdict 1: duck (speech) 0 ms after the onset, reply 0, 20 dB over the room"


def test_a_key_needs_no_evidence() -> None:
    """What a client or an operator decides rests on nothing that was heard."""
    verdict = Kind(seq=2, kind=Kind.KIND_CANCEL, cause=Kind.CAUSE_CLIENT)
    assert in_words(verdict) == "verdict 2: cancel (client) 0 ms after the onset, reply 0"
