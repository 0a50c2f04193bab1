"""The user's settings: environment variables first, then one TOML file, read anew for each run.

The file lies beside the ledger, outside the pack, so that no update of the pack overwrites it.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any

from .errors import DASHBOARD_URL, InputError, MissingKeyError, SettingsError
from .protocol import normalized_base_url

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE_NAME = "aigateway.toml"
LIVE_BASE_URL = "https://api.aigateway.sh/v1"


class Mode(str, Enum):
    """Who answers: AUTO is live with a key and the sandbox without one."""

    AUTO = "auto"
    LIVE = "live"
    SANDBOX = "sandbox"


class OnInterrupt(str, Enum):
    """What an interrupt does to a job that is waited for, where the node is not told otherwise."""

    KEEP = "keep"
    CANCEL = "cancel"


class ApiKey:
    """A secret that shows itself only to whoever asks by name."""

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str) -> None:
        self._value = value
        self.source = source

    def reveal(self) -> str:
        return self._value

    @property
    def hint(self) -> str:
        """The last four characters, enough to tell two keys apart."""
        return f"…{self._value[-4:]}" if len(self._value) >= 12 else "…"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "ApiKey(hidden)"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("An API key is never copied or written anywhere.")


_CHOICES = {"mode": Mode, "on_interrupt": OnInterrupt}


@dataclass(frozen=True)
class Settings:
    """Everything a user can set. Limits in US dollars; sizes and times by their names.

    Each field is the environment variable AIGATEWAY_<NAME> or the key <name> in the file.
    """

    api_key: ApiKey | None = None
    mode: Mode = Mode.AUTO
    on_interrupt: OnInterrupt = OnInterrupt.KEEP
    base_url: str | None = None
    spend_limit_per_run: float = 1.0
    spend_limit_per_day: float = 10.0
    uncertain_limit: float = 0.05
    allow_unknown_price: bool = False
    store_limit_gb: float = 2.0
    max_download_mb: float = 256.0
    max_audio_minutes: float = 60.0

    @property
    def is_sandbox(self) -> bool:
        """Whether the pack's own sandbox answers.

        A base URL of one's own is somebody's gateway, so AUTO goes there even without a key.
        """
        if self.mode is Mode.AUTO:
            return self.api_key is None and self.base_url is None
        return self.mode is Mode.SANDBOX

    def require_key(self, directory: Path) -> ApiKey:
        """The key.

        Raises:
            MissingKeyError: there is none; the message says where one is looked for.
        """
        if self.api_key is None:
            raise MissingKeyError(
                f'Set an API key to use the live gateway: put  api_key = "sk-aig-…"  into '
                f"{directory / FILE_NAME}, or set the environment variable AIGATEWAY_API_KEY. "
                f"Keys are made in the dashboard ({DASHBOARD_URL}). Nothing was sent."
            )
        return self.api_key


def load(directory: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        directory: where the file `aigateway.toml` is looked for; it need not exist.
        environ: the environment; the process's own by default.

    Raises:
        SettingsError: a value or the file cannot be read; says which, and what is expected.
    """
    environ = os.environ if environ is None else environ
    path = directory / FILE_NAME
    stored = _read_file(path)
    names = {field.name for field in fields(Settings)}
    unknown = sorted(set(stored) - names)
    if unknown:
        raise SettingsError(
            f"{path} has the unknown setting “{unknown[0]}”: correct or remove it "
            f"(known: {', '.join(sorted(names))})."
        )
    values: dict[str, Any] = {}
    for field in fields(Settings):
        variable = f"AIGATEWAY_{field.name.upper()}"
        text = environ.get(variable, "").strip()
        if text:
            values[field.name] = _convert(field.name, text, variable)
        elif field.name in stored:
            values[field.name] = _convert(field.name, stored[field.name], str(path))
    return Settings(**{name: value for name, value in values.items() if value is not None})


def write(directory: Path, name: str, value: Any) -> None:
    """Set one setting in the file, keeping the rest of it; None takes it out.

    The file is readable by its owner only, and is replaced as a whole.

    Raises:
        SettingsError: no such setting, a value it cannot have, or the file cannot be written.
    """
    # Written a few times in a lifetime, read at every run.
    import tomlkit
    from filelock import FileLock
    from tomlkit.exceptions import ParseError

    path = directory / FILE_NAME
    if name not in {field.name for field in fields(Settings)}:
        raise SettingsError(f"There is no setting “{name}”.")
    if value is not None:
        _convert(name, value, "the settings panel")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with FileLock(directory / f"{FILE_NAME}.lock"):
            try:
                document = tomlkit.parse(path.read_text("utf-8"))
            except FileNotFoundError:
                document = tomlkit.document()
            if value is None:
                document.pop(name, None)
            else:
                document[name] = value
            temporary = path.with_name(f"{FILE_NAME}.{os.getpid()}.tmp")
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(tomlkit.dumps(document))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except (OSError, UnicodeDecodeError, ParseError) as error:
        raise SettingsError(
            f"The settings file {path} cannot be written ({error}): correct it or remove it."
        ) from error


def is_from_environment(name: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether an environment variable decides this setting, whatever the file says."""
    environ = os.environ if environ is None else environ
    return bool(environ.get(f"AIGATEWAY_{name.upper()}", "").strip())


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"The settings file {path} cannot be read ({error}): correct it or remove it."
        ) from error


def _convert(name: str, value: Any, source: str) -> Any:
    if name == "api_key":
        return _api_key(value, source)
    if name in _CHOICES:
        choices, word = _CHOICES[name], str(value).lower()
        words = [choice.value for choice in choices]
        if word not in words:
            raise _wrong(name, value, source, f"one of {', '.join(words)}")
        return choices(word)
    if name == "base_url":
        if value == "":
            return None
        try:
            return normalized_base_url(str(value))
        except InputError as error:
            raise _wrong(name, value, source, "an http or https address") from error
    if name == "allow_unknown_price":
        word = str(value).lower()
        if word not in ("true", "false", "1", "0"):
            raise _wrong(name, value, source, "true or false")
        return word in ("true", "1")
    return _amount(name, value, source)


def _api_key(value: Any, source: str) -> ApiKey | None:
    if not isinstance(value, str):
        raise SettingsError(f"The api_key in {source} is no text: put it in quotes.")
    value = value.strip()
    if not value:
        return None
    # A header holds printable ASCII only; a pasted line break or quote would fail much later.
    if not all("!" <= character <= "~" for character in value):
        raise SettingsError(
            f"The api_key from {source} has a character that no key has (a blank, a line break "
            "or a letter outside ASCII): copy the key again."
        )
    return ApiKey(value, source)


def _amount(name: str, value: Any, source: str) -> float:
    try:
        amount = float(value)
    except (TypeError, ValueError):
        amount = math.nan
    if isinstance(value, bool) or not math.isfinite(amount) or amount < 0:
        raise _wrong(name, value, source, "a number, 0 or more")
    return amount


def _wrong(name: str, value: Any, source: str, expected: str) -> SettingsError:
    return SettingsError(
        f"The setting {name} is “{value}” in {source}, but it has to be {expected}: correct it."
    )
