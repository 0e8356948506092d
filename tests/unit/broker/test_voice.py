"""The voice: replies on their way to the ear, and what was heard of them on the way back."""

from __future__ import annotations

import base64

from services.broker.reply import PIECE_SAMPLES
from services.broker.settling import UNHURRIED_WAIT_S
from tests.unit.broker.scene import MS, Scene


def asked() -> Scene:
    """A scene in which the model has been asked to answer turn 1."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.transcript("u1", "hello")
    return scene


def kinds(scene: Scene) -> list[str | None]:
    """The kinds of everything sent to egress about the assistant."""
    return [r.WhichOneof("message") for r in scene.to_egress if not (r.HasField("caption") and r.caption.who == 1)]


def test_a_reply_begins_with_its_stages_and_ends_with_its_whole_line() -> None:
    """Egress learns of a reply before its audio, and of its end after; the turn's times go along."""
    scene = asked()
    scene.created("r1")
    scene.item("r1", "a1")
    scene.now_s += 0.4
    scene.speak("r1", "a1", 100, "hi")
    scene.speak("r1", "a1", 100)
    scene.done("r1")
    assert kinds(scene) == ["caption", "reply_started", "audio", "audio", "caption", "reply_ended"]
    started = next(r.reply_started for r in scene.to_egress if r.HasField("reply_started"))
    assert (started.reply, started.turn) == (1, 1)
    assert [s.name for s in started.stages] == ["vad.endpoint", "broker.commit", "model.first_audio"]
    assert [round(s.ms) for s in started.stages] == [300, 0, 400]
    assert scene.to_egress[-1].reply_ended.samples == 200 * MS
    assert len(scene.audio_of(1)) == 200 * MS * 2


def test_a_whole_reply_in_one_delta_goes_on_in_pieces() -> None:
    """30 s in one event would be more than gRPC takes in one message."""
    scene = asked()
    scene.created("r1")
    scene.speak("r1", "a1", 30_000)
    sizes = [len(r.audio.pcm) // 2 for r in scene.to_egress if r.HasField("audio")]
    assert max(sizes) <= PIECE_SAMPLES
    assert sum(sizes) == 30_000 * MS


def test_a_long_reply_is_held_back_and_ended_once() -> None:
    """Beyond 120 s ahead of playout nothing goes out; the end is told when all has gone, exactly once."""
    scene = asked()
    scene.created("r1")
    scene.speak("r1", "a1", 125_000)
    scene.done("r1")
    assert len(scene.audio_of(1)) // 2 == 120_000 * MS
    assert "reply_ended" not in kinds(scene)
    scene.played(1, 3_000)
    scene.played(1, 6_000)
    scene.played(1, 9_000)
    assert len(scene.audio_of(1)) // 2 == 125_000 * MS
    assert kinds(scene).count("reply_ended") == 1


def test_a_reply_played_to_its_end_enters_history_whole() -> None:
    """Not before, and once."""
    scene = asked()
    scene.answer(1)
    scene.played(1, 1900)
    assert len(scene.history) == 1
    scene.played(1, 2000, ended=True)
    scene.played(1, 2000, ended=True)
    item = scene.history[1]
    assert (item.text, item.heard_ms, item.interrupted, item.reply, item.item) == (
        "one two three four",
        2000,
        False,
        1,
        "a1",
    )
    assert len(scene.history) == 2


def test_a_lost_last_report_is_made_up_for_by_the_next_reply() -> None:
    """Replies are played one after another: when the second sounds, the first was heard."""
    scene = asked()
    scene.answer(1)
    scene.played(1, 1900)
    scene.turn(2, item="u2")
    scene.transcript("u2", "and?")
    scene.answer(2, words="five")
    assert [role for role, _ in scene.said] == ["user"]
    scene.played(2, 20)
    assert scene.said[1:] == [("assistant", "one two three four"), ("user", "and?")]
    assert scene.memory_edits == []


def test_reports_about_unknown_replies_change_nothing() -> None:
    """A client may say anything."""
    scene = asked()
    scene.answer(1)
    before = len(scene.to_egress)
    scene.played(0, 100)
    scene.played(7, 10**9, ended=True)
    assert len(scene.to_egress) == before
    assert len(scene.history) == 1


def test_the_text_of_several_items_is_one_line() -> None:
    """A preamble and the answer are joined by a space, in captions and in history."""
    scene = asked()
    scene.created("r1")
    for item, words in (("a", "Let me see."), ("b", " It is noon.")):
        scene.item("r1", item)
        scene.speak("r1", item, 500, words)
        scene.item_done("r1", item)
    scene.done("r1")
    scene.played(1, 1000, ended=True)
    assert scene.captions[-1].text == scene.history[-1].text == "Let me see. It is noon."


def test_a_long_conversation_does_not_grow() -> None:
    """After 300 turns, a third of them interrupted, nothing of the old ones is held."""
    scene = Scene()
    for turn in range(1, 301):
        scene.turn(turn, item=f"u{turn}")
        scene.transcript(f"u{turn}", "words")
        scene.answer(turn, 500)
        if turn % 3:
            scene.played(turn, 500, ended=True)
        else:
            scene.played(turn, 200)
            scene.interrupt(turn)
            scene.played(turn, 250, seq=turn)
        scene.to_egress.clear()
        scene.sent.clear()
    core = scene.core
    voice, ears = core._voice, core._ears
    assert [len(voice._replies), len(voice._responses), len(voice._places), len(voice._disowned)] == [0] * 4
    assert [len(ears.parts.pending), len(ears._uncommitted), core._interruptions.is_settling] == [0, 0, False]
    assert len(core._members.history) == 0
    assert len(scene.history) == 600


def test_an_interrupted_reply_lets_go_of_its_audio() -> None:
    """Two unheard minutes would be 5.8 MB for each interruption."""
    scene = asked()
    scene.answer(1, 100_000, done=False)
    reply = scene.core._voice.of_response("r1")
    assert reply is not None
    scene.interrupt(1)
    scene.wait(UNHURRIED_WAIT_S + 0.05)
    assert len(reply._pcm) == 0


def test_what_is_not_audio_is_ignored() -> None:
    """Bad base64, text outside ASCII, numbers, nothing at all, no item: no sound and no end."""
    scene = asked()
    scene.created("r1")
    good = base64.b64encode(bytes(480)).decode()
    for delta in ("###", "é", 7, None, "", [good]):
        scene.model("response.output_audio.delta", response_id="r1", item_id="a1", delta=delta)
    scene.model("response.output_audio.delta", response_id="r1", delta=good)
    assert scene.audio_of(1) == b""
    scene.model("response.output_audio.delta", response_id="r1", item_id="a1", delta=good, content_index="x")
    assert len(scene.audio_of(1)) == 480
