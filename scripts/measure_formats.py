"""Measures what every format costs at the edge and prints it as Markdown: `python scripts/measure_formats.py`.

For each format and direction, fed in 20 ms as a client or egress does: how late samples come out (hold-back, mean and
worst), how far the sound stands from its place (shift, by cross-correlation with noise), and CPU per 20 ms.
docs/formats.md keeps the tables.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "protos" / "gen")]

from parley.v1 import audio_pb2 as audio  # noqa: E402
from services.ingress.formats import OPUS, RATES_HZ, Format  # noqa: E402
from services.ingress.microphone import Microphone  # noqa: E402
from services.ingress.speaker import Speaker  # noqa: E402
from tests.fakes.client_formats import MicrophoneCoder, SpeakerCoder  # noqa: E402

SECONDS = 4
ROUNDS = 5
NAMES = {1: "PCM16", 2: "G.711 µ-law", 3: "G.711 A-law", 4: "Opus"}

Samples = NDArray[np.int16]


def noise(rate_hz: int) -> Samples:
    """Return noise below 3.4 kHz: it has one place only, and every format carries it."""
    count = SECONDS * rate_hz
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(count))
    hz = np.fft.rfftfreq(count, 1 / rate_hz)
    spectrum[(hz < 300) | (hz > 3_400)] = 0
    wave = np.fft.irfft(spectrum, count)
    loud: Samples = np.rint(wave / np.abs(wave).max() * 16_000).astype(np.int16)
    return loud


def shift_ms(heard: Samples, said: Samples, rate_hz: int) -> float:
    """Return by how much `heard` is later than `said`."""
    size = 1 << (len(heard) + len(said)).bit_length()
    product = np.fft.rfft(heard.astype(float), size) * np.conj(np.fft.rfft(said.astype(float), size))
    fine = np.fft.irfft(np.concatenate((product, np.zeros(4 * size))))
    peak = int(np.argmax(fine))
    return (peak if peak < len(fine) / 2 else peak - len(fine)) / len(fine) * size / rate_hz * 1000


def cpu_us(work: Callable[[], int]) -> float:
    """Return the least CPU time of some rounds, in µs for each of the pieces that `work` says it handled."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time_ns()
        pieces = work()
        best = min(best, (time.process_time_ns() - begun) / 1000 / pieces)
    return best


def uplink(chosen: Format) -> list[str]:
    """Measure a microphone."""
    said = noise(16_000)
    coder = MicrophoneCoder(chosen)
    messages = [each for at in range(0, len(said), 320) for each in coder.feed(said[at : at + 320].tobytes())]
    frames = [audio.AudioFrame(mic_offset=offset, pcm=coded) for offset, coded in messages]
    microphone, heard, late = Microphone(chosen), [], []
    ends = [frame.mic_offset for frame in frames[1:]]
    for frame, end in zip(frames, ends, strict=False):
        heard += [out.pcm for out in microphone.feed(frame)]
        late.append(end / chosen.rate_hz * 1000 - microphone.mic_offset / 16)

    def work() -> int:
        again = Microphone(chosen)
        for frame in frames:
            again.feed(frame)
        return len(frames)

    sound = np.frombuffer(b"".join(heard), "<i2")
    return row(chosen, late[5:], shift_ms(sound, said, 16_000), cpu_us(work))


def downlink(chosen: Format) -> list[str]:
    """Measure a speaker: pieces of 20 ms in, and the sound at the positions that to_ring gives."""
    said = noise(24_000)
    pieces = [
        audio.ReplyAudio(reply=1, position=at, pcm=said[at : at + 480].tobytes()) for at in range(0, len(said), 480)
    ]
    speaker, client, heard, late = Speaker(chosen), SpeakerCoder(chosen, 0), [], []
    wire_end = 0
    for piece in pieces:
        for message in speaker.feed(piece):
            wire_end = message.position + client_samples(message.pcm, chosen)
            heard.append(client.feed(message.pcm)[1])
        late.append((piece.position + 480 - speaker.to_ring(wire_end)) / 24)

    def work() -> int:
        again = Speaker(chosen)
        for piece in pieces:
            again.feed(piece)
        return len(pieces)

    lookahead_ms = (48_000 - speaker.to_ring(48_000 * chosen.rate_hz // 24_000)) / 24
    sound = np.frombuffer(b"".join(heard), "<i2")
    return row(chosen, late[5:], shift_ms(sound, said, 24_000) - lookahead_ms, cpu_us(work))


def client_samples(coded: bytes, chosen: Format) -> int:
    """Return how many samples of the client's a message holds."""
    return chosen.rate_hz // 50 if chosen.encoding == OPUS else len(coded) // (2 if chosen.encoding == 1 else 1)


def row(chosen: Format, late_ms: list[float], shift: float, cost_us: float) -> list[str]:
    """Return a row of the table."""
    mean, worst = float(np.mean(late_ms)), max(late_ms)
    return [
        NAMES[int(chosen.encoding)],
        f"{chosen.rate_hz}",
        f"{abs(mean):.1f}",
        f"{abs(worst):.1f}",
        f"{shift if abs(shift) >= 0.005 else 0:.2f}",
        f"{cost_us:.0f}",
    ]


def main() -> None:
    """Print both tables."""
    head = ["encoding", "rate, Hz", "held back, ms (mean)", "(worst)", "shift, ms", "CPU per 20 ms, µs"]
    for title, measure in (("Client to ring", uplink), ("Ring to client", downlink)):
        print(f"\n{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
        for encoding, rates in RATES_HZ.items():
            for rate_hz in rates:
                print(f"| {' | '.join(measure(Format(encoding, rate_hz)))} |")


if __name__ == "__main__":
    main()
