"""The address of a bucket that many machines share: a secret, because it may hold a password."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from .errors import SettingsError
from .secret import Secret
from .wire.addresses import ambiguity

SCHEMES = ("s3", "gs", "az")


class StoreUrl(Secret):
    """`s3://bucket/prefix?region=eu-central-1`: a bucket, a folder in it, options of the bucket.

    Attributes:
        bucket: the address without options.
        options: names and values for the bucket's client.

    Raises:
        SettingsError: the text is no such address. The message does not hold it.
    """

    __slots__ = ("bucket", "options")

    def __init__(self, value: str, source: str) -> None:
        super().__init__(value, source)
        if how := ambiguity(value):
            raise SettingsError(f"The store_url from {source} {how}")
        try:
            parts = urlsplit(value)
        except ValueError:
            raise _wrong(source) from None
        if parts.scheme not in SCHEMES or not parts.netloc or parts.fragment:
            raise _wrong(source)
        # A slash in a password ends the host's part early. No bucket has a colon in its name.
        if "@" in parts.netloc or ":" in parts.netloc:
            raise SettingsError(
                f"The store_url from {source} has a user name before the bucket: put the "
                "credentials into the variables of the service, for example AWS_ACCESS_KEY_ID "
                "and AWS_SECRET_ACCESS_KEY, or behind the address as "
                "?access_key_id=…&secret_access_key=…."
            )
        self.bucket = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        # Not as a form's query: a key may hold a plus sign.
        pairs = [pair.partition("=") for pair in parts.query.split("&") if pair]
        self.options = {unquote(name).lower(): unquote(text) for name, _, text in pairs}


def _wrong(source: str) -> SettingsError:
    return SettingsError(
        f"The store_url from {source} is no address of a bucket: set one like "
        "s3://bucket/folder, gs://bucket/folder or az://container/folder."
    )
