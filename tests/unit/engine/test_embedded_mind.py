"""The embedded mind's plain way with tools, and its limits."""

import json
from datetime import datetime
from typing import Any

import pytest

from services.engine.minds.embedded import EmbeddedMind
from services.engine.minds.tool_result import sentence_of
from services.engine.parts import Context, Curtailed, Line, TextDelta, Thought, ToolCall

NOW = datetime(2026, 11, 21, 15, 4)


def tool(name: str, description: str, required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """A function as a client declares it."""
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "name": name, "description": description, "parameters": parameters}


TEXT = {"type": "string"}
TOOLS = [
    tool("end_conversation", "Hang up, when the person says goodbye."),
    tool("get_weather", "Tell the weather in a city.", ("city",), city=TEXT),
    tool("roll_dice", "Roll a die.", sides={"type": "integer"}),
    tool("book_train", "Book a train ticket.", ("destination",), origin=TEXT, destination=TEXT),
    tool("set_light", "Switch the light.", ("state",), state={"type": "string", "enum": ["on", "off"]}),
]


async def think(*lines: Line, **fields: Any) -> list[Thought]:
    """What the mind makes of a conversation."""
    fields = {"tools": TOOLS, **fields}
    return [thought async for thought in EmbeddedMind().think(Context(lines, NOW, **fields))]


@pytest.mark.parametrize(
    ("said", "name", "arguments"),
    [
        ("what is the weather in paris", "get_weather", {"city": "paris"}),
        ("What's the weather like in New York today, please?", "get_weather", {"city": "New York"}),
        ("roll a die", "roll_dice", {}),
        ("roll a die with twenty sides", "roll_dice", {"sides": 20}),
        ("book a train from Bonn to Berlin", "book_train", {"origin": "Bonn", "destination": "Berlin"}),
        ("switch the light off please", "set_light", {"state": "off"}),
    ],
)
async def test_a_function_that_is_asked_for_is_called(said: str, name: str, arguments: dict[str, Any]) -> None:
    """Name and arguments come from the words alone."""
    (call,) = await think(Line("user", said))
    assert isinstance(call, ToolCall)
    assert (call.name, json.loads(call.arguments)) == (name, arguments)


@pytest.mark.parametrize("said", ["tell me a story", "what time is it", "count to ten", "I like this city", "stop"])
async def test_what_asks_for_no_function_is_answered(said: str) -> None:
    """Tools that are merely there change nothing."""
    assert await think(Line("user", said)) == await think(Line("user", said), tools=())


async def test_what_a_function_needs_is_asked_for() -> None:
    """A parameter that must be there and was not said is not made up."""
    assert await think(Line("user", "what is the weather")) == [
        TextDelta("For that I need to know the city. Please ask again with it.")
    ]


async def test_goodbye_hangs_up() -> None:
    """It says goodbye first, then ends the conversation; without the tool it only says goodbye."""
    farewell = TextDelta("Goodbye! It was nice talking to you.")
    said, call = await think(Line("user", "Goodbye!"))
    assert said == farewell
    assert isinstance(call, ToolCall)
    assert call.name == "end_conversation"
    assert await think(Line("user", "Goodbye!"), tools=()) == [farewell]


async def test_the_choice_of_tools_is_kept_to() -> None:
    """None is none, required is one, and a named one is that one."""
    question = Line("user", "what is the weather in paris")
    assert isinstance((await think(question, tool_choice="none"))[0], TextDelta)
    assert isinstance((await think(Line("user", "hm"), tool_choice="required"))[0], ToolCall)
    (call,) = await think(question, tool_choice={"type": "function", "name": "roll_dice"})
    assert isinstance(call, ToolCall)
    assert call.name == "roll_dice"


async def test_results_are_said() -> None:
    """After its calls the mind says what came of them, and does not call again."""
    call = Line("call", call_id="c1", name="get_weather", arguments='{"city": "paris"}')
    asked = Line("user", "what is the weather in paris")
    said = await think(asked, call, Line("tool", '{"weather": "sunny", "degrees": 21}', "c1"))
    assert said == [TextDelta("Here is what I got: weather is sunny, degrees is 21.")]
    two = await think(asked, call, call, Line("tool", "sunny.", "c1"), Line("tool", "rainy.", "c2"))
    assert two == [TextDelta("The answer is: sunny. The answer is: rainy.")]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ('{"error": "no such city"}', "That did not work: no such city"),
        ('{"isOpen": true, "by": null}', "Here is what I got: is open is yes, by is nothing."),
        ("[1, 2]", "The answer is: 1, 2"),
        ('"sunny"', "The answer is: sunny"),
        ("{", "The answer is: {"),
        ("x " * 400, "The answer is: " + "x " * 149 + "x…"),
    ],
)
def test_any_result_is_a_sentence(output: str, said: str) -> None:
    """JSON or not, long or broken: something is said, and not for minutes."""
    assert sentence_of(output) == said


async def test_a_reply_is_no_longer_than_allowed() -> None:
    """The limit is kept to and told, as a larger model would."""
    said, end = await think(Line("user", "tell me a story"), max_output_tokens=10)
    assert said == TextDelta("Once upon a time, at the foot of a")
    assert end == Curtailed("max_output_tokens")


@pytest.mark.parametrize(
    "broken", [{"type": "function"}, {"type": "mcp"}, {"type": "function", "name": "x", "parameters": 3}]
)
async def test_odd_declarations_hurt_nobody(broken: dict[str, Any]) -> None:
    """What a client declares may be anything that the protocol lets through."""
    assert isinstance((await think(Line("user", "what time is it"), tools=[broken]))[0], TextDelta)
