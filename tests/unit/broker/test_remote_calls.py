"""Remote calls: the model's own server calls a tool, and waits to be asked to go on."""

from __future__ import annotations

import pytest

from services.broker.remote_calls import LOST_S
from services.broker.settling import UNHURRIED_WAIT_S
from tests.unit.broker.scene import Scene


def calling(*items: str) -> Scene:
    """A scene whose response `r1` makes these calls."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.transcript("u1", "look it up")
    scene.created("r1")
    for item in items:
        scene.model("response.output_item.added", response_id="r1", item={"id": item, "type": "mcp_call"})
    return scene


def over(scene: Scene, item: str, how: str = "completed") -> None:
    """A call has ended."""
    scene.model(f"response.mcp_call.{how}", item_id=item, output_index=0)


def requests(scene: Scene) -> int:
    """How many responses were asked for."""
    return len(scene.of("response.create"))


@pytest.mark.parametrize("how", ["completed", "failed"])
@pytest.mark.parametrize("call_first", [True, False])
def test_the_model_is_asked_to_go_on_once_when_both_are_over(how: str, call_first: bool) -> None:
    """The call and the response that made it, in either order."""
    scene = calling("m1")
    if call_first:
        over(scene, "m1", how)
    else:
        scene.done("r1")
    assert requests(scene) == 1
    if call_first:
        scene.done("r1")
    else:
        over(scene, "m1", how)
    assert requests(scene) == 2
    assert scene.of("response.create")[-1]["response"]["metadata"]["turn"] == "1"
    assert scene.silent == [], "the person still waits"
    over(scene, "m1")
    scene.done("r1")
    scene.answer(2)
    scene.played(2, 2000, ended=True)
    assert requests(scene) == 2
    assert scene.core.is_quiet


def test_several_calls_are_gone_on_from_once() -> None:
    """When the last of them is over."""
    scene = calling("m1", "m2")
    over(scene, "m2")
    scene.done("r1")
    assert requests(scene) == 1
    over(scene, "m1", "failed")
    assert requests(scene) == 2


def test_a_call_that_only_its_whole_item_says_is_over() -> None:
    """Some servers tell of the result by nothing else."""
    scene = calling("m1")
    scene.done("r1")
    item = {"id": "m1", "type": "mcp_call", "output": "sunny"}
    scene.model("response.output_item.done", response_id="r1", item=item)
    assert requests(scene) == 1, "its response has ended: nothing more of it is read"
    scene = calling("m1")
    scene.model("response.output_item.done", response_id="r1", item=item)
    scene.done("r1")
    assert requests(scene) == 2


def test_whoever_took_the_floor_is_not_answered_for_it() -> None:
    """The result stands in the conversation; the next answer may use it."""
    scene = calling("m1")
    scene.done("r1")
    scene.interrupt(1)
    over(scene, "m1")
    scene.wait(UNHURRIED_WAIT_S + 0.05)
    assert requests(scene) == 1
    assert scene.core.is_quiet


@pytest.mark.parametrize("call_first", [True, False])
def test_an_interruption_before_the_response_has_ended_leaves_nothing_open(call_first: bool) -> None:
    """Its response is cancelled; whenever the call ends, the conversation comes to rest."""
    scene = calling("m1")
    scene.interrupt(1)
    if call_first:
        over(scene, "m1")
    scene.done("r1", "cancelled")
    over(scene, "m1")
    scene.wait(UNHURRIED_WAIT_S + 0.05)
    assert requests(scene) == 1
    assert scene.core.is_quiet


def test_nobody_is_there_to_approve() -> None:
    """A request is declined at once, by an answer that names it."""
    scene = Scene()
    scene.turn(1, item="u1")
    scene.created("r1")
    item = {"id": "mcpr_1", "type": "mcp_approval_request", "name": "delete", "arguments": "{}", "server_label": "x"}
    scene.model("response.output_item.added", response_id="r1", item=item)
    scene.done("r1")
    answers = [event["item"] for event in scene.of("conversation.item.create")]
    assert [(answer["approval_request_id"], answer["approve"]) for answer in answers] == [("mcpr_1", False)]
    assert scene.silent == [1]


def test_a_connection_that_breaks_during_a_call_asks_again() -> None:
    """The call went with it: the new model is asked, once."""
    scene = calling("m1")
    scene.done("r1")
    scene.take(scene.core.lose_model(scene.now_s))
    scene.take(scene.core.rebuild(scene.now_s))
    assert requests(scene) == 2
    over(scene, "m1")
    assert requests(scene) == 2


def test_a_connection_that_breaks_after_an_interruption_asks_nothing() -> None:
    """Nobody waits any more."""
    scene = calling("m1")
    scene.done("r1")
    scene.interrupt(1)
    scene.take(scene.core.lose_model(scene.now_s))
    scene.take(scene.core.rebuild(scene.now_s))
    assert requests(scene) == 1


def test_a_call_of_which_nothing_more_is_heard_is_given_up() -> None:
    """The model is asked to go on without; the conversation is not held open for ever."""
    scene = calling("m1")
    scene.done("r1")
    scene.wait(LOST_S - 1)
    assert requests(scene) == 1
    scene.wait(2)
    assert requests(scene) == 2


def test_a_result_of_an_older_turn_takes_nothing_from_a_newer_one() -> None:
    """The newer turn is asked about; that response knows of the result, too."""
    scene = calling("m1")
    scene.done("r1")
    scene.turn(2, item="u2")
    scene.turn(3, item="u3")
    over(scene, "m1")
    scene.created("r2")
    scene.done("r2")
    assert scene.of("response.create")[-1]["response"]["metadata"]["turn"] == "3"


def test_rounds_of_remote_calls_count_too() -> None:
    """A model that does nothing but call is told to answer."""
    scene = Scene(max_tool_rounds=2)
    scene.turn(1, item="u1")
    for number in (1, 2):
        scene.created(f"r{number}")
        item = {"id": f"m{number}", "type": "mcp_call"}
        scene.model("response.output_item.added", response_id=f"r{number}", item=item)
        over(scene, f"m{number}")
        scene.done(f"r{number}")
    assert scene.of("response.create")[-1]["response"]["tool_choice"] == "none"
