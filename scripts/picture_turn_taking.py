"""Draws the pictures of docs/turn-taking.md into docs/pictures: `python scripts/picture_turn_taking.py`.

The classes that run in production hear synthetic speech; what they decide is drawn, and nothing is drawn that they did
not decide. A synthetic voice explains and proves nothing: figures come from `make eval`. Needs the packages of the
developers; the same each time, a minute of a core.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "protos" / "gen")]

from parley.v1 import audio_pb2 as audio  # noqa: E402
from parley.v1 import broker_service_pb2 as broker  # noqa: E402
from parley.v1 import session_pb2 as session  # noqa: E402
from services.vad.completeness import ANSWER, ANSWER_MS, log_odds, probability  # noqa: E402
from services.vad.content.head import Moment  # noqa: E402
from services.vad.content.listener import ContentListener, ContentModel, Opinion  # noqa: E402
from services.vad.detector import DetectorSettings  # noqa: E402
from services.vad.endpointing import EndpointingSettings  # noqa: E402
from services.vad.events import Event, Judge, TurnTakingSettings  # noqa: E402
from services.vad.interruption_settings import InterruptionSettings  # noqa: E402
from services.vad.silero import Silero, SileroModel  # noqa: E402
from services.vad.smart_turn import SmartTurn  # noqa: E402
from services.vad.turn_taking import TurnTaking  # noqa: E402
from services.vad.voice import VoiceWindow, samples_of  # noqa: E402
from tests.fakes.speech import hum, say, silence  # noqa: E402

OUT: Final = ROOT / "docs" / "pictures"
WIDTH: Final = 6.2
DPI: Final = 110
# Okabe and Ito's colours, which people who see fewer colours tell apart, too.
BLUE, ORANGE, SKY, RED, GREEN, GREY = "#0072B2", "#E69F00", "#56B4E9", "#D55E00", "#009E73", "#999999"
KINDS: Final = (
    ("command", RED, "interrupting word"),
    ("phrase", ORANGE, "speech that goes on"),
    ("single_word", "#CC79A7", "other word"),
    ("backchannel", SKY, "backchannel"),
    ("noise", "#666666", "noise"),
)
VOICE: Final = "en-us+f3"
ROOM_DB: Final = -68.0
LEAD_MS: Final = 3_000
FRAME: Final = 640

Floats = NDArray[np.float64]


class Ear:
    """A conversation's core, and what was seen of it: voice activity, opinions, all by ms of the microphone."""

    def __init__(self, voice: SileroModel, content: ContentModel) -> None:
        self._voice = Silero(voice)
        self._listener = ContentListener(content)
        self.windows: list[VoiceWindow] = []
        self.opinions: list[tuple[Moment, Opinion]] = []
        self.core = TurnTaking("picture", 1, self, self, TurnTakingSettings())

    def feed(self, pcm: bytes) -> list[VoiceWindow]:
        """Be the core's voice activity."""
        found = self._voice.feed(pcm)
        self.windows += found
        return found

    def hear(self, samples: NDArray[np.int16], moment: Moment) -> Opinion:
        """Be the core's listener."""
        opinion = self._listener.hear(samples, moment)
        self.opinions.append((moment, opinion))
        return opinion


@dataclass
class Judged:
    """A pause as it was judged, at `at_ms`: what the odds were made of, and the pause that it then takes."""

    at_ms: float
    model: float
    rhythm: float
    question: float
    complete: float
    needed_ms: float


@dataclass
class Turn:
    """A turn that was heard; lines over time are (ms, value), one point a frame."""

    pcm: bytes
    ear: Ear
    judged: list[Judged] = field(default_factory=list)
    silence_ms: list[tuple[float, float]] = field(default_factory=list)
    needed_ms: list[tuple[float, float]] = field(default_factory=list)
    complete: list[tuple[float, float]] = field(default_factory=list)
    tentative_ms: float = 0.0
    end_ms: float = 0.0


def hear_turn(ear: Ear, model: SmartTurn, pcm: bytes) -> Turn:
    """Let the ear hear a short answer to a question. A judgement answers one frame later, as it does in a thread."""
    heard = Turn(pcm, ear)
    ear.core.asked(True)
    due: list[Judge] = []
    for start in range(0, len(pcm), FRAME):
        now_ms = start / 32 + 20
        events = [e for question in due for e in judge(heard, ear.core, question, model, now_ms)]
        events += ear.core.feed(audio.AudioFrame(pcm=pcm[start : start + FRAME], playhead=audio.Playhead()))
        due = [event for event in events if isinstance(event, Judge)]
        for event in events:
            if isinstance(event, broker.TurnEnded) and event.tentative:
                heard.tentative_ms = now_ms
            elif isinstance(event, broker.TurnEnded | broker.TurnConfirmed):
                heard.end_ms = now_ms
        if (turn := ear.core._turns.open) is not None:  # only looked at
            silence_ms = now_ms - last_speech_ms(ear.windows)
            heard.silence_ms.append((now_ms, silence_ms))
            heard.needed_ms.append((now_ms, turn.pause.pause_ms if silence_ms > 100 else np.nan))
            known = turn.pause.complete if turn.pause.heard and silence_ms > 100 else None
            heard.complete.append((now_ms, np.nan if known is None else known))
    return heard


def judge(heard: Turn, core: TurnTaking, question: Judge, model: SmartTurn, now_ms: float) -> list[Event]:
    """Answer the core's question, and note what came of it."""
    complete = model.probability(question.pcm)
    events = core.judged(question.turn, question.pause, complete)
    if (turn := core._turns.open) is not None and (odds := turn.pause.odds) is not None:
        asked = ANSWER * max(1.0 - turn.pause.speech_ms / ANSWER_MS, 0.0) if turn.pause.context.asked else 0.0
        means = probability(odds)
        note = Judged(now_ms, log_odds(complete), turn.pause.rhythm.ends, asked, means, turn.pause.pause_ms)
        heard.judged.append(note)
    return events


def last_speech_ms(windows: Sequence[VoiceWindow]) -> float:
    """Return where the last speech-like window ended."""
    off = DetectorSettings().speech_off
    return max((window.end_sample / 16 for window in windows if window.probability >= off), default=0.0)


def draw_turn(heard: Turn) -> Figure:
    """Draw a pause that passes, and one that ends the turn."""
    figure = Figure((WIDTH, 9.2), layout="constrained")
    sound, voice, chance, wait = figure.subplots(4, 1, sharex=True, height_ratios=(1.0, 1.0, 1.1, 2.4))
    sound.plot(np.arange(len(heard.pcm) // 2) / 16_000, wave(heard.pcm), color=GREY, lw=0.5)
    sound.set(yticks=[], ylim=(-1.1, 1.6), title='Asked for an order: "A coffee, please. … And a little milk."')
    line(voice, [(w.end_sample / 16, w.probability) for w in heard.ear.windows], BLUE)
    voice.set(ylabel="voice\nactivity", ylim=(-0.05, 1.05))
    line(chance, heard.complete, GREEN, lw=3)
    chance.axhline(TurnTakingSettings().tentative_from, color="black", ls=":", lw=1.2)
    chance.text(0.32, TurnTakingSettings().tentative_from + 0.05, "from here on: tentative end")
    chance.set(ylabel="chance that\nit is over", ylim=(0, 1.05))
    line(wait, heard.silence_ms, BLUE, lw=2.5)
    line(wait, heard.needed_ms, RED, lw=2.5, ls="--")
    wait.text(0.32, 150, "silence so far", color=BLUE, fontweight="bold")
    wait.text(0.32, 1580, "silence it takes (dashed)", color=RED, fontweight="bold")
    wait.set(ylabel="ms", ylim=(0, 1_700), xlabel="seconds", xlim=(0.28, heard.end_ms / 1000 + 0.35))
    for judged, beside_s in zip(heard.judged, (-1.0, -1.13), strict=False):
        said = f"model {judged.model:+.2f}\nrhythm {judged.rhythm:+.2f}\nquestion {judged.question:+.2f}"
        wait.text(
            judged.at_ms / 1000 + beside_s,
            890,
            f"{said}\n= {judged.complete:.0%} over:\nwait {judged.needed_ms:.0f} ms",
        )
    for at_ms, text, colour in ((heard.tentative_ms, "tentative", ORANGE), (heard.end_ms, "end", "black")):
        for axes in (sound, voice, chance, wait):
            axes.axvline(at_ms / 1000, color=colour, lw=1.8)
        side = {"ha": "right", "x": at_ms / 1000 - 0.03} if text == "tentative" else {"x": at_ms / 1000 + 0.03}
        sound.text(y=1.15, s=text, fontweight="bold", **side)
    return figure


@dataclass
class Over:
    """A sound over a reply: the sound, what was thought of it, and the verdicts (ms, name)."""

    title: str
    pcm: bytes
    ear: Ear
    onset_ms: float = 0.0
    verdicts: list[tuple[float, str]] = field(default_factory=list)


def hear_over(title: str, ear: Ear, pcm: bytes) -> Over:
    """Let the ear hear a sound while a reply is audible."""
    heard = Over(title, pcm, ear)
    for number, start in enumerate(range(0, len(pcm), FRAME)):
        playhead = audio.Playhead(reply=1, position=number * 480)
        for event in ear.core.feed(audio.AudioFrame(pcm=pcm[start : start + FRAME], playhead=playhead)):
            if isinstance(event, session.Interrupt):
                heard.onset_ms = event.onset_offset / 16
                kind = session.Interrupt.Kind.Name(event.kind).removeprefix("KIND_").lower()
                heard.verdicts.append((start / 32 + 20 - heard.onset_ms, kind))
    return heard


def draw_over(sounds: Sequence[Over]) -> Figure:
    """Draw what was thought of each sound, and what came of it."""
    figure = Figure((WIDTH, 11.5), layout="constrained")
    axes = figure.subplots(2 * len(sounds), 1, sharex=True, height_ratios=(1.0, 2.0) * len(sounds))
    for heard, upper, lower in zip(sounds, axes[::2], axes[1::2], strict=True):
        at_ms = np.arange(len(heard.pcm) // 2) / 16 - heard.onset_ms
        upper.plot(at_ms, 0.5 + 0.45 * wave(heard.pcm), color=GREY, lw=0.6)
        line(upper, [(w.end_sample / 16 - heard.onset_ms, w.probability) for w in heard.ear.windows], BLUE, 1.0, lw=2)
        upper.set(ylim=(-0.05, 1.5), yticks=(0, 1), ylabel="voice")
        upper.set_title(heard.title, fontweight="bold", loc="left")
        draw_opinions(lower, heard)
        for at, kind in heard.verdicts:
            for one in (upper, lower):
                one.axvline(at, color="black", lw=1.8)
            upper.text(at + 8, 1.17, kind.upper(), fontweight="bold")
    axes[-1].set(xlabel="ms after the onset", xlim=(-60, 720))
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def draw_opinions(axes: Axes, heard: Over) -> None:
    """Draw the opinions as bars, how sure they are together, and how sure they have to be."""
    at = np.array([moment.elapsed_ms + 32 for moment, _ in heard.ear.opinions])
    bottom = np.zeros(len(at))
    for name, colour, label in KINDS:
        share = np.array([getattr(opinion, name) for _, opinion in heard.ear.opinions])
        axes.bar(at, share, 46, bottom, color=colour, label=label)
        bottom += share
    floors = [opinion.floor for _, opinion in heard.ear.opinions]
    sure = [floors[0], *((before + now) / 2 for before, now in pairwise(floors))]
    axes.plot(at, sure, "o", color="white", mec="black", mew=1.8, ms=8, label="how sure it is")
    needs = [needed(InterruptionSettings(), moment) for moment, _ in heard.ear.opinions]
    axes.plot(at, needs, "_", color="black", mew=3.5, ms=24, label="how sure it must be")
    axes.set(ylim=(0, 1.05), yticks=(0, 0.5, 1), ylabel="content")


def needed(settings: InterruptionSettings, moment: Moment) -> float:
    """Return how sure the rule has to be at a moment, as `interruption.py` has it."""
    if moment.silence_ms >= 96:
        return min(settings.sure_at(moment.elapsed_ms), settings.sure_over)
    if moment.silence_ms <= 64 and moment.speech_ms >= settings.long_ms:
        return settings.sure_long
    if moment.silence_ms <= 64 and moment.speech_ms >= settings.phrase_ms:
        return min(settings.sure_at(moment.elapsed_ms), settings.sure_phrase)
    return settings.sure_at(moment.elapsed_ms)


def draw_patience() -> Figure:
    """Draw the pause that ends a turn against the chance that it is over."""
    figure = Figure((WIDTH, 4.6), layout="constrained")
    axes = figure.subplots()
    odds = np.linspace(-5, 5, 400)
    for name, colour, style in (("calm", BLUE, "-"), ("normal", "black", "--"), ("eager", RED, "-.")):
        settings: EndpointingSettings = getattr(EndpointingSettings, name)()
        axes.plot(odds, [settings.pause_ms(one) for one in odds], color=colour, ls=style, lw=2.6)
        axes.text(-4.9, settings.max_pause_ms + 40, f"{name}: {settings.max_pause_ms} ms at most", color=colour)
        axes.text(4.9, settings.min_pause_ms + 25, f"{settings.min_pause_ms}", color=colour, ha="right")
    tentative = log_odds(TurnTakingSettings().tentative_from)
    axes.axvline(tentative, color=ORANGE, lw=2, ls=":")
    axes.text(tentative + 0.1, 2_250, "from 60 % on:\ntentative end")
    ticks = (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99)
    axes.set_xticks([log_odds(tick) for tick in ticks], [f"{100 * tick:.0f}" for tick in ticks])
    axes.set(xlabel="chance that the turn is over, % (even steps of odds)", ylabel="silence that ends it, ms")
    axes.set(xlim=(-5, 5), ylim=(0, 2_750), title="Patience")
    axes.grid(alpha=0.3)
    return figure


def draw_certainty() -> Figure:
    """Draw how sure the ear must be that somebody who goes on speaking wants the floor."""
    figure = Figure((WIDTH, 4.6), layout="constrained")
    axes = figure.subplots()
    at_ms = np.arange(160, 1_000, 2.0)
    for name, colour, style in (("low", BLUE, "-"), ("normal", "black", "--"), ("high", RED, "-.")):
        settings: InterruptionSettings = getattr(InterruptionSettings, name)()
        sure = [needed(settings, Moment(at, at + 32, 0, 1, 1)) for at in at_ms]
        axes.plot(at_ms + 32, sure, color=colour, ls=style, lw=2.6, label=name)
        axes.plot(1_060, settings.sure_over, "o", color=colour, ms=9)
        axes.text(1_085, settings.sure_over - 0.014, f"{settings.sure_over:.2f} {name}", color=colour)
    axes.text(1_020, 0.85, "when it has\nstopped:")
    axes.set(xlabel="ms after the onset, of somebody who goes on speaking", ylabel="how sure it must be")
    axes.set(xlim=(100, 1_330), ylim=(0, 1), title="Interruptibility", xticks=(200, 400, 600, 800, 1_000))
    axes.legend(loc="lower left")
    axes.grid(alpha=0.3)
    return figure


def line(axes: Axes, points: Sequence[tuple[float, float]], colour: str, unit: float = 1e-3, **style: object) -> None:
    """Draw values over ms; `unit` makes the axis's unit of a ms."""
    at, values = zip(*points, strict=True)
    axes.plot(np.array(at) * unit, values, color=colour, **style)  # type: ignore[arg-type]


def wave(pcm: bytes) -> Floats:
    """Return a waveform whose loudest sample is 1."""
    samples = samples_of(pcm).astype(np.float64)
    return np.asarray(samples / np.abs(samples).max())


def in_a_room(*parts: bytes) -> bytes:
    """Return sound in a quiet room, in whole frames."""
    samples = samples_of(b"".join(parts)).astype(np.float64)
    samples += np.random.default_rng(0).standard_normal(len(samples)) * 32_768 * 10 ** (ROOM_DB / 20)
    pcm = np.clip(np.rint(samples), -32_768, 32_767).astype("<i2").tobytes()
    return pcm[: len(pcm) // FRAME * FRAME]


def main() -> None:
    """Draw all."""
    matplotlib.rcParams.update({"font.size": 12, "axes.titlesize": 13})
    voice, content = SileroModel(), ContentModel()
    order = (say("A coffee, please.", VOICE), silence(560), say("And a little milk.", VOICE), silence(1_000))
    over = (
        ('"stop"', say("stop", VOICE)),
        ('"mm-hmm"', hum(VOICE)),
        ('"could we talk about something else"', say("could we talk about something else", VOICE)),
    )
    sounds = [
        hear_over(title, Ear(voice, content), in_a_room(silence(LEAD_MS), pcm, silence(800))) for title, pcm in over
    ]
    pictures = {
        "pause": draw_turn(hear_turn(Ear(voice, content), SmartTurn(), in_a_room(silence(300), *order))),
        "interruption": draw_over(sounds),
        "patience": draw_patience(),
        "interruptibility": draw_certainty(),
    }
    OUT.mkdir(parents=True, exist_ok=True)
    for name, figure in pictures.items():
        path = OUT / f"{name}.png"
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
