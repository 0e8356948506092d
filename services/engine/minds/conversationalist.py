"""The small mind of the engine: a pure function from a conversation and the time of day to a reply.

It knows a handful of things and says so honestly. Because it is pure, an interrupted reply can be had again in
full from the conversation before it, and "go on" continues after what the person heard of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.engine.minds.arithmetic import numbers, solve
from services.engine.minds.story import STORY
from services.engine.minds.tool_result import sentence_of
from services.engine.minds.verbatim import dictated
from services.engine.parts import Line
from services.engine.sentences import sentences

_CAN_DO = (
    "I can tell you the time, count, do small sums, tell you a long story, and repeat what you say. "
    "And you can interrupt me whenever you like."
)
_HELP = "I only know a few things: ask me the time, ask me to count to ten, or ask me for a story."
_NOT_CAUGHT = "Sorry, I didn't catch that."
_MOST_COUNTED = 100
_LONGEST_QUOTE = 80
_SUFFIX_WORDS = 12
_ASIDE_WORDS = 4


def answer(lines: Sequence[Line], now: datetime, instructions: str = "") -> str:
    """What to say after `lines`, at local time `now`. Never empty.

    Of a response's own `instructions` it understands those that dictate what to say.
    """
    if words := dictated(instructions):
        return words
    lines = [line for line in lines if line.speaker != "system"]
    if not lines:
        return "Hello! What can I do for you?"
    last = lines[-1]
    if last.speaker == "tool":
        if _is_hanging_up(lines):
            return "Goodbye!"
        return " ".join(sentence_of(line.text) for line in _results(lines))
    if last.speaker == "assistant":
        return _unsaid(lines, now) or "I am listening."
    if last.speaker == "call":
        return "I am still waiting for an answer."
    text = _plain(last.text)
    if not text:
        return _NOT_CAUGHT
    for pattern, reply in _INTENTS:
        if match := pattern.search(text):
            return reply(_Turn(lines, last.text, text, match, now))
    return f"I heard “{_shorten(last.text)}”. {_HELP}"


def says_goodbye(text: str) -> bool:
    """Whether someone takes their leave by it."""
    return bool(_GOODBYE.search(_plain(text)))


def _results(lines: Sequence[Line]) -> list[Line]:
    """What came of the calls that were made last."""
    before = next((index for index in range(len(lines), 0, -1) if lines[index - 1].speaker != "tool"), 0)
    return list(lines[before:])


def _is_hanging_up(lines: Sequence[Line]) -> bool:
    return any(line.speaker == "call" and line.name == "end_conversation" for line in lines[-2:])


@dataclass(frozen=True, slots=True)
class _Turn:
    lines: Sequence[Line]
    spoken: str
    text: str
    match: re.Match[str]
    now: datetime


def _plain(text: str) -> str:
    """Lower case, words and arithmetic signs only, so that patterns need not think of punctuation."""
    text = text.lower().replace("’", "'")
    return " ".join(re.sub(r"[^\w'+*/ -]", " ", text).split())


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE].rsplit(" ", 1)[0] + "…"


def _time(turn: _Turn) -> str:
    clock = turn.now.strftime("%I:%M %p").lstrip("0")
    return f"It is {clock}."


def _date(turn: _Turn) -> str:
    return f"Today is {turn.now:%A}, {turn.now:%B} {turn.now.day}."


def _count(turn: _Turn) -> str:
    ends = [min(value, _MOST_COUNTED) for value in numbers(turn.text)]
    if "down" in turn.text:
        first, last = (ends[0] if ends else 10), 0
    elif "from" in turn.text and len(ends) > 1:
        first, last = ends[0], ends[1]
    else:
        first, last = 1, (ends[-1] if ends else 10)
    step = 1 if last >= first else -1
    return ", ".join(str(value) for value in range(first, last + step, step)) + "."


def _sum(turn: _Turn) -> str:
    solved = solve(turn.text)
    return f"{solved}." if solved else "I can only do sums with two small numbers."


def _story(turn: _Turn) -> str:
    return STORY


def _repeat_after(turn: _Turn) -> str:
    wanted = re.split(r"after me\W*", turn.spoken, maxsplit=1, flags=re.IGNORECASE)[-1].strip()
    return wanted or "After you."


def _say_again(turn: _Turn) -> str:
    earlier = [line.text for line in turn.lines[:-1] if line.speaker == "assistant" and line.text.strip()]
    return earlier[-1] if earlier else "I have not said anything yet."


def _go_on(turn: _Turn) -> str:
    """Continue the last reply after what was heard of it, from the start of the sentence that was cut."""
    for index in range(len(turn.lines) - 2, -1, -1):
        line = turn.lines[index]
        if line.speaker != "assistant":
            continue
        rest = _rest(answer(turn.lines[:index], turn.now), line.text)
        if rest == "" and len(_words(line.text)) <= _ASIDE_WORDS:
            continue  # an "All right." between the story and the wish to hear the rest of it
        if rest is None:
            rest = _rest_of_story(line.text)
        if rest is not None:
            return f"All right. {rest}" if rest else "That was all of it."
    return "There is nothing to continue. Shall I tell you a story?"


def _unsaid(lines: Sequence[Line], now: datetime) -> str:
    """What an answer that broke off lacks, from its next word on: nobody has cut in, so nothing is told twice."""
    asked = next((index for index in range(len(lines), 0, -1) if lines[index - 1].speaker != "assistant"), 0)
    full = answer(lines[:asked], now)
    place = _place_after(full, " ".join(line.text for line in lines[asked:]))
    return full[place:].strip() if asked and place is not None else ""


def _rest(full: str, heard: str) -> str | None:
    """What of `full` follows `heard`, from the start of the sentence `heard` ends in; None if it is not its start."""
    place = _place_after(full, heard)
    return None if place is None else _from_sentence(full, place)


def _place_after(full: str, heard: str) -> int | None:
    """Where the first word of `full` stands that is not in `heard`; None if that is not its start."""
    words, said = _words(full), _words(heard)
    if [word for word, _ in words[: len(said)]] != [word for word, _ in said]:
        return None
    return words[len(said)][1] if len(said) < len(words) else len(full)


def _rest_of_story(heard: str) -> str | None:
    """The rest of the story when only the end of what was heard is known, as after a rebuilt conversation."""
    story = [word for word, _ in _words(STORY)]
    said = [word for word, _ in _words(heard)][-_SUFFIX_WORDS:]
    for length in range(len(said), 2, -1):
        tail = said[-length:]
        for place in range(len(story) - length + 1):
            if story[place : place + length] == tail:
                words = _words(STORY)
                after = place + length
                return _from_sentence(STORY, words[after][1] if after < len(words) else len(STORY))
    return None


def _words(text: str) -> list[tuple[str, int]]:
    return [(match.group().lower(), match.start()) for match in re.finditer(r"[\w']+", text)]


def _from_sentence(text: str, position: int) -> str:
    """The text from the sentence on that `position` lies in; a count goes on at its next number."""
    begin = 0
    for sentence in sentences(text):
        if begin + len(sentence) > position:
            is_count = not any(letter.isalpha() for letter in sentence)
            return text[position if is_count else begin :].strip()
        begin += len(sentence)
    return ""


def _say(reply: str) -> Callable[[_Turn], str]:
    return lambda _: reply


_GOODBYE = re.compile(r"\b(goodbye|good bye|bye|see you|good night|talk to you later)\b")

# The first pattern that matches answers. Those that quote the person come first; greetings, which can open any
# sentence, come late.
_INTENTS: list[tuple[re.Pattern[str], Callable[[_Turn], str]]] = [
    (re.compile(pattern), reply)
    for pattern, reply in (
        (r"\b(repeat|say) after me\b", _repeat_after),
        (
            r"\b(say|repeat) (that|it)( again)?\b|^(repeat|again|what|pardon|pardon me|sorry|excuse me)( please)?$",
            _say_again,
        ),
        (r"\bwhat did you (say|just say)\b|^what was that$|\bdid(n't| not) hear\b|\bone more time\b", _say_again),
        (
            r"\b(go on|continue|keep going|carry on|go ahead|what happen(s|ed) next|finish the story|tell me more)\b",
            _go_on,
        ),
        (r"^and then$", _go_on),
        (r"\b(stop|wait|hold on|hang on|be quiet|quiet|shut up|enough|never mind|cancel|pause)\b", _say("All right.")),
        (r"\b(story|tale)\b", _story),
        (r"\bcount\b", _count),
        (r"\b(what day|the date|today's date)\b", _date),
        (r"\b(time is it|the time|what time)\b|^time$", _time),
        (r"\b(plus|minus|times|multiply|multiplied|divided|add)\b|\d\s*[-+*/]\s*\d|\bhow much is\b", _sum),
        (r"\bhow (are|do) you\b", _say("I am very well, thank you. How are you?")),
        (r"\b(your name|who are you|you called)\b", _say("My name is Parley.")),
        (r"\b(can|do) you (do|know)\b|\bcan i (ask|say)\b|\babout yourself\b|\bhelp\b", _say(_CAN_DO)),
        (_GOODBYE.pattern, _say("Goodbye! It was nice talking to you.")),
        (r"\b(thanks|thank you)\b", _say("You are welcome.")),
        (r"^(yes|yeah|okay|ok|sure|of course|right|maybe)( please)?$", _say("Good. What would you like?")),
        (r"^(no|not now|nope)$", _say("All right. I am here if you need me.")),
        (
            r"\b(hello|hi|hey|good (morning|afternoon|evening)|nice to meet you)\b",
            _say("Hello! What can I do for you?"),
        ),
    )
]
