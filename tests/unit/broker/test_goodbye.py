"""Goodbyes: what only takes leave, and what does not."""

from __future__ import annotations

import pytest

from services.broker.goodbye import is_goodbye


@pytest.mark.parametrize(
    "words",
    [
        "bye",
        "Goodbye!",
        "Bye-bye.",
        "ok thanks, bye",
        "See you.",
        "See you later, bye!",
        "That's all, thank you, goodbye.",
        "That’s it, thanks. Have a nice day!",
        "No, that's all. Thank you so much. Bye now.",
        "Okay, I have to go. Talk to you tomorrow.",
        "Good night",
        "Thanks for your help, goodbye",
        "Tschüss!",
        "Nein danke, das war's, auf Wiedersehen.",
        "Okay, danke, ciao!",
        "Danke, bis morgen!",
        "Merci beaucoup, au revoir",
        "Merci, à bientôt !",
        "Vale, muchas gracias, adiós",
        "Grazie, ciao",
        "Va bene, arrivederci.",
        "Obrigada, tchau!",
        "Dank je wel, tot ziens",
        "好的，谢谢，再见。",
        "好的再见",
        "ありがとうございます。さようなら。",
        "شكرا، مع السلامة",
        "ok danke, bye",
    ],
)
def test_a_bare_goodbye_takes_leave(words: str) -> None:
    """In any of the languages, mixed, with thanks and fillers around it, whatever the case and the punctuation."""
    assert is_goodbye(words)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "...",
        "Okay, thank you.",
        "That's all.",
        "No.",
        "say goodbye in French",
        "How do you say goodbye in French?",
        "goodbye is a nice word",
        "bye the way",
        "By the way, good.",
        "I said bye to her yesterday",
        "Goodbye Yellow Brick Road",
        "See you later, alligator means what",
        "I see you",
        "Bye?",
        "Is that goodbye?",
        "I want to buy",
        "Don't say bye",
        "bye 5",
        "Ciao!",
        "Ciao, come stai",
        "Dag",
        "Bis morgen.",
        "hasta mañana",
        "Salut",
        "Ich muss los",
        "auf Wiedersehen heißt was auf Englisch",
        "再见怎么说",
        "さようならは英語で何ですか",
    ],
)
def test_anything_else_goes_on(words: str) -> None:
    """A goodbye in a sentence, a question, thanks alone, or a word that greets as well ends nothing."""
    assert not is_goodbye(words)


def test_the_language_narrows_the_lists() -> None:
    """The person's own and English; a region changes nothing, and an unlisted language narrows nothing."""
    assert is_goodbye("Tschüss", "de-AT")
    assert is_goodbye("okay, bye", "de")
    assert not is_goodbye("Tschüss", "fr")
    assert not is_goodbye("tchau", "en_GB")
    assert is_goodbye("Tschüss", "xx")
