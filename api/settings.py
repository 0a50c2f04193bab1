"""The user's settings: environment variables first, then one TOML file. Read anew at each run.

The file lies beside the ledger, outside the pack: updates of the pack do not change it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..files.atomic import write_file
from .base.errors import DASHBOARD_URL, InputError, MissingKeyError, SettingsError
from .base.secret import Secret
from .money.job import SANDBOX
from .money.spending import SpendingRules
from .wire.addresses import (
    LIVE_BASE_URL,
    NO_HOSTS,
    AllowedHosts,
    check_encryption,
    is_local_name,
    literal_address,
    normalized_base_url,
)
from .wire.arriving_file import MEGABYTE
from .wire.key import ApiKey, bare_key, is_sendable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from .farm.shared_addresses import LedgerUrl, StoreUrl

FILE_NAME = "aigateway.toml"
LIVE = "live"
"""The ledger's name of AIgateway's own service."""
# The settings that may be in a file of their own, and the most characters read from that file.
_SECRETS = ("api_key", "ledger_url", "store_url")
_SECRET_CHARACTERS = 65_536
# The source of a key that AIgateway's CLI stored, and the most bytes read from its file.
_CLI = "AIgateway's CLI"
_CLI_BYTES = 100_000


class Mode(str, Enum):
    """Which gateway answers. AUTO: the live one with a key, the sandbox without one."""

    AUTO = "auto"
    LIVE = "live"
    SANDBOX = "sandbox"


class OnInterrupt(str, Enum):
    """The effect of an interrupt on a job: the default of new Poll Job nodes."""

    KEEP = "keep"
    CANCEL = "cancel"


_CHOICES = {"mode": Mode, "on_interrupt": OnInterrupt}


@dataclass(frozen=True)
class Settings:
    """All settings of a user. Limits are in US dollars; the names tell other units.

    Each field is the environment variable AIGATEWAY_<NAME> or the key <name> in the file. A secret
    may stand in a file of its own, which AIGATEWAY_<NAME>_FILE names.

    Attributes:
        ledger_url: the database that holds the ledger; None if it is a file of this machine.
        store_url: the bucket that holds the tracks; None if they are on this machine alone.
        frames_leave_farm: whether Describe Clip may send pictures of a clip from a farm.
        c2pa_certificate: a PEM file with certificates and a private key; "" signs no file.
    """

    api_key: ApiKey | None = None
    use_cli_key: bool = True
    mode: Mode = Mode.AUTO
    on_interrupt: OnInterrupt = OnInterrupt.KEEP
    base_url: str | None = None
    spend_limit_per_run: float = 1.0
    spend_limit_per_day: float = 10.0
    uncertain_limit: float = 0.05
    minimum_balance: float = 0.0
    cost_tag: str = "comfyui-music"
    skip_cache: bool = True
    allow_unknown_price: bool = False
    unknown_price: float = 1.0
    flat_output: bool = False
    store_limit_gb: float = 2.0
    max_download_mb: float = 256.0
    max_audio_minutes: float = 60.0
    max_run_gb: float = 4.0
    allow_hosts: AllowedHosts = NO_HOSTS
    page_hosts: AllowedHosts = NO_HOSTS
    only_hosts: AllowedHosts = NO_HOSTS
    ledger_url: LedgerUrl | None = None
    store_url: StoreUrl | None = None
    accept_ledger_loss: bool = False
    order_ahead: bool = False
    frames_leave_farm: bool = False
    c2pa_certificate: str = ""

    @property
    def spending_rules(self) -> SpendingRules:
        return SpendingRules(
            self.spend_limit_per_run,
            self.spend_limit_per_day,
            self.uncertain_limit,
            self.allow_unknown_price,
            self.minimum_balance,
            self.unknown_price,
            self.accept_ledger_loss,
        )

    @property
    def max_download_bytes(self) -> float:
        return self.max_download_mb * MEGABYTE

    @property
    def is_sandbox(self) -> bool:
        """Whether the pack's own sandbox answers.

        A base URL names a gateway, so AUTO goes there even without a key.
        """
        if self.mode is Mode.AUTO:
            return self.api_key is None and self.base_url is None
        return self.mode is Mode.SANDBOX

    @property
    def service(self) -> str:
        """The name, in the ledger, of the service that answers."""
        if self.is_sandbox:
            return SANDBOX
        return LIVE if self.address == LIVE_BASE_URL else self.address

    @property
    def address(self) -> str:
        """The base URL of the gateway, unless the sandbox answers."""
        return self.base_url or LIVE_BASE_URL

    def knows_page_host(self, name: str) -> bool:
        """Whether the browser may open ComfyUI under this host name.

        A local address or name works only on this network. The user must allow a public name.
        """
        return (
            literal_address(name) is not None
            or (bool(name) and is_local_name(name))
            or name in self.page_hosts.names
        )

    def require_encryption(self) -> None:
        """
        Raises:
            SettingsError: anybody on the network could read the key.
        """
        if self.api_key is not None and not self.is_sandbox:
            check_encryption(self.address, self.allow_hosts)

    def require_key(self, directory: Path) -> None:
        """
        Raises:
            MissingKeyError: AIgateway's own service, or live mode, has no key. The message names
                the places that the key is read from.
            SettingsError: see `require_encryption`.
        """
        if self.api_key is None and (self.mode is Mode.LIVE or self.service == LIVE):
            raise MissingKeyError(
                f'Set an API key to use the live gateway: put  api_key = "sk-aig-…"  into '
                f"{directory / FILE_NAME}, or set the environment variable AIGATEWAY_API_KEY. "
                f"Keys are made in the dashboard ({DASHBOARD_URL}). Nothing was sent."
            )
        self.require_encryption()


def load(directory: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. If they hold no key, the key of AIgateway's own CLI is used.

    Args:
        directory: the folder of the file `aigateway.toml`, which need not exist.
        environ: the environment; the process's own by default.

    Raises:
        SettingsError: a value or the file cannot be read. The message names the value or file.

    >>> load(Path("no-such-folder"), {"AIGATEWAY_SPEND_LIMIT_PER_RUN": "0.5"}).spend_limit_per_run
    0.5
    """
    environ = os.environ if environ is None else environ
    path = directory / FILE_NAME
    stored = _read_file(path)
    names = {field.name for field in fields(Settings)}
    unknown = sorted(set(stored) - names)
    if unknown:
        raise _not_known(path, unknown[0], names)
    values: dict[str, Any] = {}
    for field in fields(Settings):
        text, source = _variable(field.name, environ)
        if text:
            values[field.name] = _convert(field.name, text, source)
        elif field.name in stored:
            values[field.name] = _convert(field.name, stored[field.name], str(path))
    current = Settings(**{name: value for name, value in values.items() if value is not None})
    if current.api_key is not None or not current.use_cli_key:
        return current
    if current.mode is Mode.SANDBOX or current.base_url not in (None, LIVE_BASE_URL):
        # The CLI stored the key for AIgateway's own service.
        return current
    return replace(current, api_key=_cli_key(environ))


def write(directory: Path, name: str, value: Any) -> None:
    """Set one setting in the file; None removes it. The other lines of the file stay.

    Only the owner can read the file. It is replaced as a whole.

    Raises:
        SettingsError: the setting does not exist, its value is wrong, or the file is not writable.
    """
    # Imported at the first write.
    import tomlkit
    from filelock import FileLock
    from tomlkit.exceptions import TOMLKitError

    path = directory / FILE_NAME
    if name not in {field.name for field in fields(Settings)}:
        raise SettingsError(f"There is no setting “{name}”.")
    if value is not None:
        converted = _convert(name, value, "the settings panel")
        if isinstance(converted, Secret):
            value = converted.reveal()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with FileLock(directory / f"{FILE_NAME}.lock"):
            try:
                document = tomlkit.parse(_text_of(path))
            except FileNotFoundError:
                document = tomlkit.document()
            if value is None:
                document.pop(name, None)
            else:
                document[name] = value
            write_file(path, tomlkit.dumps(document).encode(), mode=0o600)
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise _not_toml(path, error) from None
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be written ({error}): correct it or remove it."
        ) from error


def is_from_environment(name: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether an environment variable decides this setting."""
    environ = os.environ if environ is None else environ
    return bool(_variable(name, environ).text)


# Environment variables: AIGATEWAY_<NAME>. A secret may also be in a file that the variable
# AIGATEWAY_<NAME>_FILE names: Docker and Kubernetes give secrets to a container in this way.


class _Variable(NamedTuple):
    """The text of a setting, "" if it is not set, and the variable that holds it."""

    text: str
    name: str


def _variable(setting: str, environ: Mapping[str, str]) -> _Variable:
    """A setting from the environment. The variable itself wins over the variable of a file.

    Raises:
        SettingsError: the file of a secret cannot be read. The message does not hold its text.
    """
    name = f"AIGATEWAY_{setting.upper()}"
    text = _bare(environ.get(name, ""))
    path = _bare(environ.get(f"{name}_FILE", "")) if setting in _SECRETS and not text else ""
    if not path:
        return _Variable(text, name)
    try:
        with Path(os.path.expanduser(path)).open(encoding="utf-8-sig") as file:
            text = _bare(file.read(_SECRET_CHARACTERS))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(
            f"The file {path} that {name}_FILE names cannot be read ({reason}): correct the "
            "variable or the file."
        ) from None
    return _Variable(text, f"{name}_FILE")


def _bare(text: str) -> str:
    """`text` without the quotes that docker's `--env-file` keeps around a value."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


# The settings file. Editors of every system write it in their own way.


def _read_file(path: Path) -> dict[str, Any]:
    """The settings of the file; empty if there is no file.

    Raises:
        SettingsError: the file cannot be read.
    """
    try:
        return tomllib.loads(_text_of(path))
    except (FileNotFoundError, NotADirectoryError):
        # If a file is in the folder's place, the ledger reports it.
        return {}
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read ({error}): correct it or remove it."
        ) from error
    # A number of 5,000 digits, or 5,000 nested lists, raise other errors than TOMLDecodeError.
    except (ValueError, RecursionError) as error:
        raise _not_toml(path, error) from None


def _not_toml(path: Path, error: Exception) -> SettingsError:
    """The error of a file with a mistake. Parsers quote the line, which may hold the API key."""
    line = re.search(r"at (?:line (\d+)|end of document)", str(error))
    where = f"line {line[1]}" if line and line[1] else "its end" if line else "one of its lines"
    return SettingsError(
        f"The settings file {path} cannot be read: correct {where}. Each line is like "
        'mode = "auto", with text in quotes and each name once.'
    )


def _not_known(path: Path, name: str, known: Iterable[str]) -> SettingsError:
    """The error of a file with an unknown setting."""
    # If a line has its two sides exchanged, the name is the key.
    is_name = re.fullmatch("[A-Za-z_]{1,40}", name)
    shown = f"setting “{name}”" if is_name else "setting, whose name is not shown"
    return SettingsError(
        f"{path} has the unknown {shown}: correct or remove it (known: {', '.join(sorted(known))})."
    )


def _text_of(path: Path) -> str:
    """The text of the file, without the byte order mark that Windows editors write.

    Raises:
        SettingsError: the file is not UTF-8.
    """
    content = path.read_bytes()
    # UTF-16 without its mark is valid UTF-8 with a zero byte beside each letter.
    with contextlib.suppress(UnicodeDecodeError):
        if b"\0" not in content:
            return content.decode("utf-8-sig").replace("\r\n", "\n")
    raise SettingsError(
        f"The settings file {path} is not in the encoding UTF-8: open it in an editor and save it "
        "as UTF-8."
    )


def _shown(value: Any) -> str:
    """A value of the file as text."""
    try:
        return str(value)
    except (ValueError, RecursionError):
        # TOML writes numbers in base 16 too, with more digits than Python writes in base 10.
        return "a number of thousands of digits"


# The key that AIgateway's own command line tool has stored


def _cli_key(environ: Mapping[str, str]) -> ApiKey | None:
    """The key in `~/.config/aigateway/config.json`; None without a key for the live gateway.

    The tool writes `{"apiKey", "baseUrl"}`. A key for another gateway is not used. The file belongs
    to another program: if it cannot be read, it counts as missing.
    """
    home = environ.get("HOME") or environ.get("USERPROFILE")
    if not home:
        return None
    path = Path(home, ".config", "aigateway", "config.json")
    try:
        with path.open("rb") as file:
            stored = json.loads(file.read(_CLI_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    value = stored.get("apiKey") if isinstance(stored, Mapping) else None
    if not isinstance(value, str) or not _is_for_live(stored.get("baseUrl")):
        return None
    key = bare_key(value)
    return ApiKey(key, _CLI) if is_sendable(key) else None


def _is_for_live(base_url: object) -> bool:
    if base_url is None or base_url == "":
        return True
    try:
        return isinstance(base_url, str) and normalized_base_url(base_url) == LIVE_BASE_URL
    except ValueError:
        return False


# Values


def _convert(name: str, value: Any, source: str) -> Any:
    if name == "api_key":
        return read_key(value, source)
    if name in ("ledger_url", "store_url"):
        return _shared_address(name, value, source)
    if name in _CHOICES:
        choices, word = _CHOICES[name], _shown(value).lower()
        words = [choice.value for choice in choices]
        if word not in words:
            raise _wrong(name, value, source, f"One of {', '.join(words)}")
        return choices(word)
    if name in ("allow_hosts", "page_hosts", "only_hosts"):
        if not isinstance(value, (str, list)):
            raise _wrong(name, value, source, "A text, or a list of texts,")
        return AllowedHosts.parse(value, name)
    if name == "base_url":
        if value == "":
            return None
        try:
            return normalized_base_url(_shown(value))
        except InputError as error:
            raise SettingsError(f"base_url in {source}: {error}") from error
    if name == "cost_tag":
        return _cost_tag(value, source)
    if name == "c2pa_certificate":
        if not isinstance(value, str):
            raise _wrong(name, value, source, "The path of a file, as text,")
        return value.strip()
    if isinstance(getattr(Settings, name, None), bool):
        word = _shown(value).lower()
        if word not in ("true", "false", "1", "0"):
            raise _wrong(name, value, source, "One of true and false")
        return word in ("true", "1")
    return _amount(name, value, source)


def read_key(value: Any, source: str) -> ApiKey | None:
    """The key in a setting; None for an empty one. Raises SettingsError: it cannot be a key."""
    if not isinstance(value, str):
        raise SettingsError(f"The api_key in {source} is not text: put it in quotes.")
    value = bare_key(value)
    if not value:
        return None
    # A header holds printable ASCII only. A pasted line break would fail much later.
    if not is_sendable(value):
        raise SettingsError(
            f"The api_key from {source} has a character that no key has (a blank, a line break "
            "or a letter outside ASCII): copy the key again."
        )
    return ApiKey(value, source)


def _shared_address(name: str, value: Any, source: str) -> LedgerUrl | StoreUrl | None:
    """The address of a ledger or bucket that machines share; None for an empty text."""
    if not isinstance(value, str):
        raise SettingsError(f"The {name} in {source} is not text: put it in quotes.")
    if not value.strip():
        return None
    from .farm.shared_addresses import LedgerUrl, StoreUrl

    kind = LedgerUrl if name == "ledger_url" else StoreUrl
    return kind(value.strip(), source)


def _cost_tag(value: Any, source: str) -> str:
    """The cost tag; "" if the user has switched it off."""
    if _shown(value).lower() == "off":
        return ""
    # The gateway takes 64 characters; 17 of them are the short form of the request.
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,47}", _shown(value)):
        raise _wrong("cost_tag", value, source, "“off”, or 1 to 47 letters, digits, . _ and -,")
    return _shown(value)


def _amount(name: str, value: Any, source: str) -> float:
    try:
        amount = float(value)
    except (TypeError, ValueError, OverflowError):
        amount = math.nan
    if isinstance(value, bool) or not math.isfinite(amount) or amount < 0:
        raise _wrong(name, value, source, "A number, 0 or more,")
    return amount


def _wrong(name: str, value: Any, source: str, expected: str) -> SettingsError:
    return SettingsError(
        f"The setting {name} is “{_shown(value)[:80]}” in {source}. {expected} is expected: "
        "correct it."
    )
