"""The simulated person: speaks, waits, listens, cuts every third reply short, and does not wait for ever."""

from __future__ import annotations

from tests.load.person import AT_A_TALK, Person, Phase
from tests.load.voice import FRAME_BYTES, FRAME_SAMPLES, Utterance, Voice

TURN = Utterance([b"t" * FRAME_BYTES] * 50, 50 * FRAME_SAMPLES - 100)
STOP = Utterance([b"s" * FRAME_BYTES] * 20, 20 * FRAME_SAMPLES - 40)
ROOM = [bytes([index]) * FRAME_BYTES for index in range(9)]
VOICE = Voice("test", [TURN], [STOP], ROOM)


def until(person: Person, phase: Phase, *, audible: bool = False, most: int = 1_000) -> int:
    """Let frames pass until the person does something; return how many."""
    for count in range(most):
        if person.phase is phase:
            return count
        person.frame(audible)
    raise AssertionError(f"still {person.phase}")


def reply(person: Person, frames: int) -> list[bytes]:
    """Play a reply of so many frames to a person who waits for it."""
    until(person, Phase.WAITING)
    return [person.frame(audible=True) for _ in range(frames)]


def test_a_turn_is_spoken_whole_and_its_end_is_known_to_the_sample() -> None:
    """The frames are those of the clip, and the utterance on the tape ends with its last sound."""
    person = Person(VOICE, seed=1)
    spoken = until(person, Phase.SPEAKING)
    frames = [person.frame(False) for _ in range(49)]
    until(person, Phase.WAITING)
    assert set(frames) == {TURN.frames[0]}
    (said,) = person.utterances
    assert (said.end - said.start, said.is_barge_in) == (TURN.end, False)
    assert said.start == (spoken - 1) * FRAME_SAMPLES


def test_the_room_is_heard_in_between() -> None:
    """Pauses are no digital silence: the room's frames come one after another."""
    person = Person(VOICE, seed=1)
    first = ROOM.index(person.frame(False))
    assert [person.frame(False) for _ in range(5)] == [ROOM[(first + n) % 9] for n in range(1, 6)]


def test_every_third_reply_is_cut_short_after_a_second_and_a_half() -> None:
    """Of six replies two are spoken over; what was cut short is followed by waiting for the next answer."""
    person = Person(VOICE, seed=1)
    cut = []
    for _ in range(6):
        heard = reply(person, 120)
        cut.append(STOP.frames[0] in heard)
        if cut[-1]:
            assert heard.index(STOP.frames[0]) in range(75, 80)
            person.frame(False)
        else:
            until(person, Phase.PAUSE)
    assert sum(cut) == 2


def test_a_barge_in_that_changes_nothing_is_counted_and_not_repeated() -> None:
    """The reply goes on for long after the barge-in: one is noted as ignored, the person listens to the end."""
    person = Person(VOICE, seed=2)
    heard = reply(person, 400)
    assert heard.count(STOP.frames[0]) == len(STOP.frames)
    assert (person.ignored_barge_ins, person.phase) == (1, Phase.LISTENING)
    until(person, Phase.PAUSE)


def test_a_reply_that_never_comes_is_given_up() -> None:
    """After eight seconds the person counts the turn as unanswered and goes on."""
    person = Person(VOICE, seed=1)
    until(person, Phase.WAITING)
    assert until(person, Phase.PAUSE) > 400
    assert person.unanswered == 1


def test_at_a_talk_replies_are_ended_by_the_key_and_nobody_talks_over_them() -> None:
    """The key is pressed once, 0.8 s into each reply; the next turn follows when it has fallen silent."""
    person = Person(VOICE, seed=1, habits=AT_A_TALK)
    for _ in range(4):
        until(person, Phase.WAITING)
        pressed = []
        for frame in range(60):
            person.frame(audible=True)
            if person.presses_the_key():
                pressed.append(frame)
        assert pressed == [40]
        until(person, Phase.PAUSE)
    assert not any(said.is_barge_in for said in person.utterances)


def test_every_turn_is_said_before_one_is_said_again() -> None:
    """Six turns of three: each of them twice, whoever speaks."""
    turns = [Utterance([letter * FRAME_BYTES] * 5, 5 * FRAME_SAMPLES) for letter in (b"a", b"b", b"c")]
    person = Person(Voice("test", turns, (), ROOM), seed=4, habits=AT_A_TALK)
    said = []
    for _ in range(6):
        until(person, Phase.SPEAKING)
        said.append(person.frame(False)[:1])
        until(person, Phase.WAITING)
        person.frame(audible=True)
    assert sorted(said[:3]) == sorted(said[3:]) == [b"a", b"b", b"c"]


def test_the_same_seed_is_the_same_person() -> None:
    """Two runs say the same at the same moments; other seeds do not."""
    streams = [[Person(VOICE, seed).frame(False) for _ in range(200)] for seed in (5, 5, 6)]
    people = [Person(VOICE, seed) for seed in (5, 5, 6)]
    starts = [until(person, Phase.SPEAKING) for person in people]
    assert streams[0] == streams[1]
    assert starts[0] == starts[1] != starts[2]
