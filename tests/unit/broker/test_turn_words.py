"""Turn words: a turn's story for people: who answered, after how long and why, how much was heard, what ended it."""

from __future__ import annotations

import pytest

from parley.v1 import session_pb2 as session
from services.broker.turn_words import in_words
from services.broker.words_said import WordsSaid
from services.common.log_settings import LogSettings
from services.common.logs import written

STAGES = {"vad.endpoint": 380.0, "broker.commit": 0.4, "model.first_audio": 412.3}


def test_an_interrupted_turn_with_a_tool() -> None:
    """Everything that there is to tell, in its order."""
    turn = {
        "parley.turn": 3,
        "parley.replies": [5],
        "parley.stages_ms": STAGES,
        "parley.response_ms": 830.2,
        "parley.heard_ms": 3_200,
        "parley.interrupted": True,
        "parley.interrupted_by": "word",
        "parley.stop_ms": 44.6,
        "parley.tools": [
            {"gen_ai.tool.name": "book", "parley.tool.outcome": "done", "parley.tool.ms": 181.4},
        ],
        "gen_ai.usage.input_tokens": 412,
        "gen_ai.usage.output_tokens": 91,
        "parley.cost_micros": 5_950,
    }
    assert in_words("clerk", turn, "USD") == (
        "clerk answered after 830 ms (waited 380, commit 0, model 412, the rest 38); 3.2 s heard; "
        "interrupted (word), silent after 45 ms; tool book done in 181 ms; 503 tokens, 0.005950 USD"
    )


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        ({"parley.turn": 1, "parley.replies": []}, "clerk said nothing"),
        (
            {"parley.turn": 0, "parley.replies": [1], "parley.heard_ms": 900},
            "clerk spoke of its own accord; 0.9 s heard",
        ),
        (
            {"parley.turn": 1, "parley.replies": [2], "parley.stages_ms": STAGES},
            "clerk answered (waited 380, commit 0, model 412 ms); 0.0 s heard",
        ),
    ],
)
def test_a_turn_of_which_less_is_known(turn: dict[str, object], told: str) -> None:
    """What is not known is not said."""
    assert in_words("clerk", turn) == told


def test_what_was_said_is_kept_only_for_who_wants_to_read_it() -> None:
    """By default not a word of it is."""
    person = session.HistoryItem(role=session.HistoryItem.ROLE_USER, turn=1, text="Is it noon?")
    answer = session.HistoryItem(role=session.HistoryItem.ROLE_ASSISTANT, turn=1, text="It is.")
    silent = WordsSaid()
    silent.take(person)
    assert silent.of(1) == {}
    with written(LogSettings(words=True)):
        told = WordsSaid()
        for item in (person, answer, answer):
            told.take(item)
    assert told.of(1) == {"person_said": "Is it noon?", "assistant_said": "It is. It is."}
    assert told.of(1) == {}
