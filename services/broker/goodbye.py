"""Goodbyes: a turn in which the person does nothing but take leave. Answered, it ends the session."""

from __future__ import annotations

import re
from typing import Final

_GOODBYES: Final = {
    "en": "goodbye, good bye, bye bye, bye, bye now, farewell, cheerio, good night, take care, so long, "
    "see you later, see you soon, see you tomorrow, see you then, see you around, see you next time, "
    "see you next week, see you again, see you, see ya, talk to you later, talk to you soon, talk to you tomorrow, "
    "talk later, talk soon, speak soon, catch you later, have a nice day, have a good day, have a great day, "
    "have a lovely day, have a good one, have a good evening, have a nice evening, have a good night, "
    "have a good weekend, have a nice weekend",
    "de": "ciao, auf wiedersehen, auf wiederhören, wiedersehen, tschüss, tschüß, tschüs, tschau, bis dann, "
    "bis später, bis bald, bis morgen, bis zum nächsten mal, mach's gut, machs gut, machen sie's gut, gute nacht, "
    "schönen tag noch, einen schönen tag noch, schönen abend noch, einen schönen abend noch, schönes wochenende",
    "fr": "salut, ciao, au revoir, à bientôt, à plus tard, à tout à l'heure, à demain, à la prochaine, adieu, "
    "bonne journée, bonne soirée, bonne nuit, bon week end",
    "es": "buenas noches, adiós, adios, hasta luego, hasta pronto, hasta mañana, hasta la vista, hasta la próxima, "
    "nos vemos, chao, chau, que tengas un buen día, que tenga un buen día, que le vaya bien, que te vaya bien",
    "it": "ciao, arrivederci, arrivederla, ciao ciao, a presto, a dopo, a domani, alla prossima, ci vediamo, "
    "ci sentiamo, addio, buona giornata, buona serata, buonanotte, buona notte",
    "pt": "boa noite, tchau, tchau tchau, adeus, até logo, até mais, até já, até breve, até amanhã, até a próxima, "
    "até à próxima, tenha um bom dia, tenha uma boa tarde",
    "nl": "dag, tot ziens, doei, doeg, dag dag, tot straks, tot later, tot snel, tot morgen, tot de volgende keer, "
    "fijne dag nog, fijne avond, een fijne dag, een fijne dag nog, goedenacht, welterusten",
    "zh": "再见, 再見, 拜拜, 回头见, 明天见, 晚安",
    "ja": "さようなら, さよなら, じゃあね, じゃあまた, またね, また明日, バイバイ, おやすみ, おやすみなさい",
    "ar": "مع السلامة, إلى اللقاء, الى اللقاء, وداعا, في أمان الله, باي",
}
"""Words that take leave."""

_AROUND: Final = {
    "en": "ok, okay, alright, all right, right, well, so, now, then, oh, um, uh, yes, yeah, yep, no, nope, cool, "
    "great, good, perfect, fine, lovely, nice, wonderful, awesome, thanks, thank you, thank you very much, "
    "thank you so much, thanks a lot, thanks again, many thanks, cheers, please, for now, for today, for your help, "
    "for everything, for the help, that's all, thats all, that is all, that's it, that'll be all, that will be all, "
    "that was all, that's everything, i'm done, we're done, i have to go, i have to go now, i've got to go, "
    "i gotta go, gotta go, i need to go, i must go, i'm off, and, you too, my friend, everyone, everybody",
    "de": "ok, okay, gut, alles klar, ja, nein, danke, danke schön, dankeschön, vielen dank, danke dir, danke ihnen, "
    "also, dann, na dann, super, prima, das war's, das wars, das war alles, das ist alles, ich muss los, und, "
    "für heute, für die hilfe, für alles, ihnen auch, dir auch",
    "fr": "ok, d'accord, bon, bien, très bien, oui, non, merci, merci beaucoup, merci bien, alors, voilà, "
    "c'est tout, ce sera tout, parfait, super, et, pour tout, pour votre aide, je dois y aller, à vous aussi, "
    "vous aussi, madame, monsieur",
    "es": "ok, vale, bueno, bien, muy bien, sí, si, no, gracias, muchas gracias, mil gracias, perfecto, pues, "
    "entonces, eso es todo, nada más, y, por todo, por tu ayuda, por su ayuda, me tengo que ir, tengo que irme, "
    "igualmente",
    "it": "ok, okay, va bene, bene, sì, si, no, grazie, grazie mille, molte grazie, tante grazie, perfetto, allora, "
    "è tutto, basta così, e, di tutto, per l'aiuto, devo andare, altrettanto, anche a lei",
    "pt": "ok, bom, bem, muito bem, tá bom, está bem, sim, não, obrigado, obrigada, muito obrigado, muito obrigada, "
    "perfeito, então, é tudo, é só isso, e, por tudo, pela ajuda, tenho que ir, igualmente",
    "nl": "ok, oké, goed, prima, ja, nee, bedankt, dank je, dank je wel, dank u, dank u wel, dankjewel, "
    "heel erg bedankt, dan, dat was het, dat was alles, dat is alles, en, voor alles, voor de hulp, ik moet gaan",
    "zh": "好, 好的, 好吧, 嗯, 谢谢, 謝謝, 谢谢你, 谢谢您, 多谢, 没事了, 那, 就这样, 没有了",
    "ja": "はい, うん, じゃあ, では, それでは, ありがとう, ありがとうございます, ありがとうございました, どうも, "
    "以上です",
    "ar": "حسنا, طيب, نعم, لا, شكرا, شكرا لك, شكرا جزيلا, هذا كل شيء, يلا",
}
"""What stands around a goodbye and is none itself."""

_AMBIGUOUS: Final = (
    "ciao, salut, dag, buenas noches, boa noite, bis dann, bis später, bis morgen, à plus tard, à demain, "
    "hasta mañana, a dopo, a domani, até amanhã, até já, tot straks, tot later, tot morgen"
)
"""Of these: greetings, or answers to "until when?", unless something polite stands before ("grazie, ciao")."""

_WORD: Final = re.compile(
    r"[\u3040-\u30ff\u4e00-\u9fff]|[^\W\u3040-\u30ff\u4e00-\u9fff]+(?:'[^\W\u3040-\u30ff\u4e00-\u9fff]+)*"
)
"""A word, or one character of a script without spaces."""


def _phrases(lists: dict[str, str]) -> dict[str, list[list[str]]]:
    """Cut the lists into words, the longest phrases of each language first."""
    return {
        language: sorted((_words(phrase) for phrase in listed.split(", ")), key=len, reverse=True)
        for language, listed in lists.items()
    }


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("’", "'"))


_LEAVING: Final = _phrases(_GOODBYES)
_POLITE: Final = _phrases(_AROUND)
_UNSURE: Final = frozenset(_AMBIGUOUS.split(", "))


def is_goodbye(text: str, language: str = "") -> bool:
    """Say whether the words only take leave: "Bye!", "ok thanks, bye", "that's all, thank you, goodbye".

    `language` is the person's, as in "de" or "de-AT"; English is understood beside it. Empty, or none that is listed
    here: any. A question is none ("Bye?"), and neither is a goodbye in a sentence ("say goodbye in French").
    """
    spoken = language.lower().replace("_", "-").partition("-")[0]
    languages = {spoken, "en"} if spoken in _LEAVING else set(_LEAVING)
    words, leaves, before = _words(text), False, 0
    if text.rstrip().endswith(("?", "？", "؟")):
        return False
    while words:
        if length := _longest(_LEAVING, languages, words):
            leaves = leaves or before > 0 or " ".join(words[:length]) not in _UNSURE
        elif not (length := _longest(_POLITE, languages, words)):
            return False
        words, before = words[length:], before + 1
    return leaves


def _longest(lists: dict[str, list[list[str]]], languages: set[str], words: list[str]) -> int:
    """Return how many words the longest phrase has that they begin with; 0 for none."""
    lengths = (
        next((len(phrase) for phrase in lists[language] if words[: len(phrase)] == phrase), 0) for language in languages
    )
    return max(lengths, default=0)
