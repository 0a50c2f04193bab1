"""The user's settings: environment variables first, then one TOML file. Read anew at each run.

The file lies beside the ledger, outside the pack: no update of the pack overwrites it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files.atomic import write_file
from .cli_key import cli_key
from .errors import DASHBOARD_URL, InputError, MissingKeyError, SettingsError
from .money.job import SANDBOX
from .money.spending import SpendingRules
from .secret import Secret
from .settings_environment import variable
from .settings_file import not_known, not_toml, read_file, shown, text_of
from .wire.addresses import (
    LIVE_BASE_URL,
    NO_HOSTS,
    AllowedHosts,
    check_encryption,
    is_local_name,
    literal_address,
    normalized_base_url,
)
from .wire.key import ApiKey, bare_key, is_sendable

if TYPE_CHECKING:
    from .farm.addresses import LedgerUrl, StoreUrl

FILE_NAME = "aigateway.toml"
LIVE = "live"
"""The ledger's name of AIgateway's own service."""


class Mode(str, Enum):
    """Which gateway answers. AUTO: the live one with a key, the sandbox without one."""

    AUTO = "auto"
    LIVE = "live"
    SANDBOX = "sandbox"


class OnInterrupt(str, Enum):
    """What an interrupt does to a job: the default of new Poll Job nodes."""

    KEEP = "keep"
    CANCEL = "cancel"


_CHOICES = {"mode": Mode, "on_interrupt": OnInterrupt}


@dataclass(frozen=True)
class Settings:
    """Everything that a user can set. Limits in US dollars; the names say other units.

    Each field is the environment variable AIGATEWAY_<NAME> or the key <name> in the file. A secret
    may stand in a file of its own, which AIGATEWAY_<NAME>_FILE names.

    Attributes:
        ledger_url: the database that holds the ledger; None where this machine alone has one.
        store_url: the bucket that holds the tracks; None where this machine alone holds them.
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
    allow_unknown_price: bool = False
    unknown_price: float = 1.0
    store_limit_gb: float = 2.0
    max_download_mb: float = 256.0
    max_audio_minutes: float = 60.0
    max_run_gb: float = 4.0
    allow_hosts: AllowedHosts = NO_HOSTS
    page_hosts: AllowedHosts = NO_HOSTS
    ledger_url: LedgerUrl | None = None
    store_url: StoreUrl | None = None
    accept_ledger_loss: bool = False

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
    def is_sandbox(self) -> bool:
        """Whether the pack's own sandbox answers.

        A base URL names a gateway, so AUTO goes there even without a key.
        """
        if self.mode is Mode.AUTO:
            return self.api_key is None and self.base_url is None
        return self.mode is Mode.SANDBOX

    @property
    def service(self) -> str:
        """The ledger's name of the service that answers."""
        if self.is_sandbox:
            return SANDBOX
        return LIVE if self.address == LIVE_BASE_URL else self.address

    @property
    def address(self) -> str:
        """The base URL of the gateway, where the sandbox does not answer."""
        return self.base_url or LIVE_BASE_URL

    def knows_page_host(self, name: str) -> bool:
        """Whether the browser may open ComfyUI under this host name.

        Nobody else can make an address or a local name lead here. A public name needs the user.
        """
        return (
            literal_address(name) is not None
            or (bool(name) and is_local_name(name))
            or name in self.page_hosts.names
        )

    def require_encryption(self) -> None:
        """
        Raises:
            SettingsError: the key would cross a network readable.
        """
        if self.api_key is not None and not self.is_sandbox:
            check_encryption(self.address, self.allow_hosts)

    def require_key(self, directory: Path) -> None:
        """
        Raises:
            MissingKeyError: AIgateway's own service, or live mode, has no key. The message says
                where the key is read from.
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
    """Read the settings. Without a key in them, the one of AIgateway's own CLI is used.

    Args:
        directory: the folder of the file `aigateway.toml`, which need not exist.
        environ: the environment; the process's own by default.

    Raises:
        SettingsError: a value or the file cannot be read. The message names it.
    """
    environ = os.environ if environ is None else environ
    path = directory / FILE_NAME
    stored = read_file(path)
    names = {field.name for field in fields(Settings)}
    unknown = sorted(set(stored) - names)
    if unknown:
        raise not_known(path, unknown[0], names)
    values: dict[str, Any] = {}
    for field in fields(Settings):
        text, source = variable(field.name, environ)
        if text:
            values[field.name] = _convert(field.name, text, source)
        elif field.name in stored:
            values[field.name] = _convert(field.name, stored[field.name], str(path))
    current = Settings(**{name: value for name, value in values.items() if value is not None})
    if current.api_key is not None or not current.use_cli_key:
        return current
    if current.mode is Mode.SANDBOX or current.base_url not in (None, LIVE_BASE_URL):
        # The key was stored for AIgateway's own service.
        return current
    return replace(current, api_key=cli_key(environ))


def write(directory: Path, name: str, value: Any) -> None:
    """Set one setting in the file; None removes it. The rest of the file stays.

    Only the owner can read the file. It is replaced as a whole.

    Raises:
        SettingsError: no such setting, a wrong value, or the file cannot be written.
    """
    # A write is rare, so its imports wait for it.
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
                document = tomlkit.parse(text_of(path))
            except FileNotFoundError:
                document = tomlkit.document()
            if value is None:
                document.pop(name, None)
            else:
                document[name] = value
            write_file(path, tomlkit.dumps(document).encode(), mode=0o600)
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise not_toml(path, error) from None
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be written ({error}): correct it or remove it."
        ) from error


def is_from_environment(name: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether an environment variable decides this setting."""
    environ = os.environ if environ is None else environ
    return bool(variable(name, environ).text)


def _convert(name: str, value: Any, source: str) -> Any:
    if name == "api_key":
        return read_key(value, source)
    if name in ("ledger_url", "store_url"):
        return _shared_address(name, value, source)
    if name in _CHOICES:
        choices, word = _CHOICES[name], shown(value).lower()
        words = [choice.value for choice in choices]
        if word not in words:
            raise _wrong(name, value, source, f"One of {', '.join(words)}")
        return choices(word)
    if name in ("allow_hosts", "page_hosts"):
        if not isinstance(value, (str, list)):
            raise _wrong(name, value, source, "A text, or a list of texts,")
        return AllowedHosts.parse(value, name)
    if name == "base_url":
        if value == "":
            return None
        try:
            return normalized_base_url(shown(value))
        except InputError as error:
            raise SettingsError(f"base_url in {source}: {error}") from error
    if name == "cost_tag":
        return _cost_tag(value, source)
    if name in ("allow_unknown_price", "use_cli_key", "accept_ledger_loss"):
        word = shown(value).lower()
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
    """The address of a ledger or a bucket that machines share; None for an empty one."""
    if not isinstance(value, str):
        raise SettingsError(f"The {name} in {source} is not text: put it in quotes.")
    if not value.strip():
        return None
    from .farm.addresses import LedgerUrl, StoreUrl

    kind = LedgerUrl if name == "ledger_url" else StoreUrl
    return kind(value.strip(), source)


def _cost_tag(value: Any, source: str) -> str:
    """The tag; "" where it is switched off."""
    if shown(value).lower() == "off":
        return ""
    # The gateway takes 64 characters; 17 of them are the short form of the request.
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,47}", shown(value)):
        raise _wrong("cost_tag", value, source, "“off”, or 1 to 47 letters, digits, . _ and -,")
    return shown(value)


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
        f"The setting {name} is “{shown(value)[:80]}” in {source}. {expected} is expected: "
        "correct it."
    )
