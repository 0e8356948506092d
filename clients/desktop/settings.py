"""What can be set: by a flag, else by a variable of the environment, else in the config file, else as it always was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .conversation import DEFAULT_SERVER
from .failures import UsageError
from .grpc_transport import SCHEME
from .reply_format import REPLY_FORMATS
from .script import PATIENCE_S
from .websocket_transport import SCHEMES

YES = {"true", "yes", "on", "1"}
NO = {"false", "no", "off", "0", ""}


class WrongValue(ValueError):
    """A setting's value is none that it can have; the text says which ones are."""


@dataclass(frozen=True)
class Setting:
    """One of them. `name` is its key in the file, and with dashes its flag."""

    name: str
    read: Callable[[str], object]
    """Makes a value of its text. Raises WrongValue."""
    default: object
    variable: str = ""

    @property
    def flag(self) -> str:
        """Its flag on the command line."""
        return f"--{self.name.replace('_', '-')}"


def merged(
    flags: Mapping[str, object], environment: Mapping[str, str], file: Mapping[str, object], file_name: str
) -> dict[str, object]:
    """Return every setting's value. Raises UsageError that names where a wrong one stands."""
    for name in file:
        if name not in {setting.name for setting in SETTINGS}:
            known = ", ".join(setting.name for setting in SETTINGS)
            raise UsageError(f"{file_name}: there is no setting {name!r}. There are {known}.")
    return {setting.name: _value(setting, flags, environment, file, file_name) for setting in SETTINGS}


def _value(
    setting: Setting,
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    file: Mapping[str, object],
    file_name: str,
) -> object:
    if setting.name in flags:
        return flags[setting.name]
    where, text = "", ""
    if environment.get(setting.variable):
        where, text = f"the environment's {setting.variable}", environment[setting.variable]
    elif setting.name in file:
        value = file[setting.name]
        if isinstance(value, (list, dict)):
            raise UsageError(f"{file_name}: {setting.name} is one value, not several.")
        where, text = f"{file_name}: {setting.name}", str(value)
    if not where:
        return setting.default
    try:
        return setting.read(text)
    except WrongValue as problem:
        raise UsageError(f"{where}: {problem}.") from None


# How each is read


def token(text: str) -> str:
    """Read a token, or @ and the file that holds it."""
    if text.startswith("@"):
        try:
            text = Path(text[1:]).expanduser().read_text()
        except OSError as error:
            raise WrongValue(f"{text} can't be read ({error.strerror or error}): check the file's name") from None
        except UnicodeDecodeError:
            raise WrongValue(f"{text} holds no text: a token is one word") from None
    word = text.strip()
    if not (word.isascii() and word.isprintable() and " " not in word):
        raise WrongValue("a token is one word of ASCII letters, digits and . _ -")
    return word


def addresses(text: str) -> str:
    """Read the addresses of one server or several. They are shown and written down: no secret may stand in them."""
    if "@" in text:
        raise WrongValue("no name or password may stand in an address: prove with --token that you may call")
    return ",".join(_address(address.strip()) for address in text.split(","))


def seconds(text: str) -> float:
    """Read a time."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 86_400:
        raise WrongValue(f"{text!r} is not a number of seconds above 0")
    return number


def switch(text: str) -> bool:
    """Read yes or no."""
    if text.lower() not in YES | NO:
        raise WrongValue(f"{text!r} is neither true nor false")
    return text.lower() in YES


def path(text: str) -> Path:
    """Read a file's name."""
    return Path(text).expanduser()


def one_of(*words: str) -> Callable[[str], str]:
    """Return what reads one of these words."""

    def read(text: str) -> str:
        if text not in words:
            raise WrongValue(f"{text!r} is none of {', '.join(words)}")
        return text

    return read


def _address(text: str) -> str:
    if text.startswith(SCHEMES):
        return _url(text)
    host, colon, port = text.removeprefix(SCHEME).rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise WrongValue(f"{text!r} is not HOST:PORT, as in {DEFAULT_SERVER}, nor ws://HOST:PORT")
    return text


def _url(text: str) -> str:
    try:
        url = urlsplit(text)
        well = bool(url.hostname) and url.port != 0 and not (url.query or url.fragment)
    except ValueError:
        well = False
    if not well:
        raise WrongValue(f"{text!r} is not ws://HOST:PORT or wss://HOST:PORT")
    return text


ECHO_WAYS = ("auto", "device", "headphones", "server", "off")
BACKENDS = ("auto", "sounddevice", "pyaudio")
THEMES = ("auto", "dark", "light", "terminal")
SETTINGS = (
    Setting("server", addresses, DEFAULT_SERVER, "PARLEY_SERVER"),
    Setting("tls", switch, False),
    Setting("ca", path, None, "PARLEY_CA"),
    Setting("agent", str, "", "PARLEY_AGENT"),
    Setting("token", token, "", "PARLEY_TOKEN"),
    Setting("input", str, "", "PARLEY_INPUT"),
    Setting("output", str, "", "PARLEY_OUTPUT"),
    Setting("backend", one_of(*BACKENDS), "auto", "PARLEY_BACKEND"),
    Setting("echo", one_of(*ECHO_WAYS), "auto", "PARLEY_ECHO"),
    Setting("reply_format", one_of(*REPLY_FORMATS), "auto", "PARLEY_REPLY_FORMAT"),
    Setting("theme", one_of(*THEMES), "auto", "PARLEY_THEME"),
    Setting("plain", switch, False, "PARLEY_PLAIN"),
    Setting("wait_s", seconds, PATIENCE_S),
)
