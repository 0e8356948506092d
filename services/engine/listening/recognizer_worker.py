"""The process that recognises: PocketSphinx, one turn at a time.

Messages: `{do: "begin"}` without an answer; `{do: "load"}` and `{do: "end"}`, answered by `{id, text}`; and
`{do: "hear"}` with PCM16LE mono at 24 kHz, answered by `{id, words}`: those that are certain by now.
"""

from __future__ import annotations

from services.engine.listening.ear import Ear
from services.engine.worker import claim_stdio, encode, read_message


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
                answers.write(encode({"id": header["id"], "words": ear.hear(payload)}))
                answers.flush()
            case asked:
                answers.write(encode({"id": header["id"], "text": ear.end() if asked == "end" else ""}))
                answers.flush()


if __name__ == "__main__":
    main()
