"""The addresses that a farm shares. They are secrets, because they may hold passwords.

The rest of the pack reaches the farm only through these addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..base.errors import SettingsError
from ..base.secret import Secret
from ..base.timing import Timing
from ..wire.addresses import ambiguity

if TYPE_CHECKING:
    from .bucket import Bucket
    from .farm import Farm

LEDGER_SCHEMES = ("postgresql", "postgres")
STORE_SCHEMES = ("s3", "gs", "az")
_HIDDEN = "…"


class LedgerUrl(Secret):
    """`postgresql://user:password@host/database?sslmode=require`, which only `reveal()` shows.

    Attributes:
        shown: the server and the database, for people.

    Raises:
        SettingsError: the text is not such an address. The message does not hold the text.
    """

    __slots__ = ("_secrets", "shown")

    def __init__(self, value: str, source: str) -> None:
        super().__init__(value, source)
        if how := ambiguity(value):
            raise SettingsError(f"The ledger_url from {source} {how}")
        try:
            parts = urlsplit(value)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise _no_ledger(source) from None
        pairs = _pairs(parts.query)
        options = {unquote(name): unquote(text) for name, text in pairs}
        if parts.scheme not in LEDGER_SCHEMES or not (host or options.get("host")):
            raise _no_ledger(source)
        self.shown = f"{host or options['host']}{f':{port}' if port else ''}{unquote(parts.path)}"
        written = [
            parts.password or "",
            *(text for name, text in pairs if "password" in unquote(name)),
        ]
        words = {value, *written, *map(unquote, written)}
        self._secrets = sorted(filter(None, words), key=len, reverse=True)

    def peers(self) -> Farm:
        """The machines that share the ledger at this address."""
        from .farm import Farm

        return Farm(self)

    def hide_in(self, text: str) -> str:
        """`text` without the address and the password: some messages of the driver quote them."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text


class StoreUrl(Secret):
    """`s3://bucket/prefix?region=eu-central-1`: a bucket, a folder in it, options of the bucket.

    Attributes:
        shown: the address without options.
        options: names and values for the bucket's client.

    Raises:
        SettingsError: the text is not such an address. The message does not hold the text.
    """

    __slots__ = ("options", "shown")

    def __init__(self, value: str, source: str) -> None:
        super().__init__(value, source)
        if how := ambiguity(value):
            raise SettingsError(f"The store_url from {source} {how}")
        try:
            parts = urlsplit(value)
        except ValueError:
            raise _no_store(source) from None
        if parts.scheme not in STORE_SCHEMES or not parts.netloc or parts.fragment:
            raise _no_store(source)
        # A slash in a password ends the host part too early. The name of a bucket cannot have a
        # colon.
        if "@" in parts.netloc or ":" in parts.netloc:
            raise SettingsError(
                f"The store_url from {source} has a user name before the bucket: put the "
                "credentials into the variables of the service, for example AWS_ACCESS_KEY_ID "
                "and AWS_SECRET_ACCESS_KEY, or behind the address as "
                "?access_key_id=…&secret_access_key=…."
            )
        self.shown = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        pairs = _pairs(parts.query)
        self.options = {unquote(name).lower(): unquote(text) for name, text in pairs}

    def bucket(self, timing: Timing) -> Bucket:
        """The bucket at this address.

        Raises:
            SettingsError: the package obstore is missing, or does not know an option.
        """
        from .bucket import Bucket

        return Bucket(self, timing)


def _pairs(query: str) -> list[tuple[str, str]]:
    """Names and values as they are written. A plus sign stays: this is not the query of a form."""
    parts = [pair.partition("=") for pair in query.split("&") if pair]
    return [(name, text) for name, _, text in parts]


def _no_ledger(source: str) -> SettingsError:
    return SettingsError(
        f"The ledger_url from {source} is no address of a PostgreSQL database: set one like "
        "postgresql://user:password@host/database?sslmode=require."
    )


def _no_store(source: str) -> SettingsError:
    return SettingsError(
        f"The store_url from {source} is no address of a bucket: set one like "
        "s3://bucket/folder, gs://bucket/folder or az://container/folder."
    )
