"""The process that recognises: PocketSphinx, one turn at a time.

Messages: `{do: "load"}`, `{do: "begin"}`, `{do: "hear"}` with PCM16LE mono at 24 kHz, and `{do: "end"}`, answered by
`{id, text}`. A turn is decoded while it is heard.
"""

from __future__ import annotations

import numpy as np
import soxr
from pocketsphinx import Decoder

from services.engine.worker import claim_stdio, encode, read_message

_IN_HZ = 24_000
_OUT_HZ = 16_000


class Ear:
    """Recognises turns one after the other."""

    def __init__(self) -> None:
        # Narrower beams than the default and one pass: 0.14 instead of 0.8 of real time (see the tests' notes).
        self._general = Decoder(
            loglevel="FATAL",
            fwdflat=False,
            bestpath=False,
            maxhmmpf=2000,
            maxwpf=10,
            beam=1e-40,
            pbeam=1e-40,
            wbeam=7e-25,
        )
        self._cmn = self._general.get_cmn(False)
        self._open = False

    def begin(self) -> None:
        """A new turn, of another person perhaps."""
        if self._open:
            self._general.end_utt()
        self._general.set_cmn(self._cmn)
        self._resampler = soxr.ResampleStream(_IN_HZ, _OUT_HZ, 1, dtype="int16", quality="MQ")
        self._general.start_utt()
        self._open = True

    def hear(self, pcm: bytes, last: bool = False) -> None:
        """More of the turn."""
        samples = self._resampler.resample_chunk(np.frombuffer(pcm, dtype=np.int16), last=last)
        if samples.size:
            self._general.process_raw(samples.tobytes(), False, False)

    def end(self) -> str:
        """What was said, in lower case."""
        self.hear(b"", last=True)
        self._general.end_utt()
        self._open = False
        hypothesis = self._general.hyp()
        return hypothesis.hypstr if hypothesis else ""


def main() -> None:
    """Recognise until stdin closes."""
    messages, answers = claim_stdio()
    ear = Ear()
    while message := read_message(messages):
        header, payload = message
        match header["do"]:
            case "begin":
                ear.begin()
            case "hear":
                ear.hear(payload)
            case asked:
                answers.write(encode({"id": header["id"], "text": ear.end() if asked == "end" else ""}))
                answers.flush()


if __name__ == "__main__":
    main()
