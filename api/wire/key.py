"""The API key: a secret that only `reveal()` shows, and the addresses that it may be sent to."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ..base.plain_text import hide
from ..base.secret import Secret
from .addresses import LIVE_BASE_URL

# Editors, shells and web pages leave blanks, quotes and byte order marks around a key.
_AROUND = " \t\r\n\"'`“”\u2018\u2019«»\ufeff\u200b"
_SCHEME = re.compile(r"(?:authorization\s*:\s*)?bearer(?:\s+|$)", re.IGNORECASE)

# The gateway's SDKs fetch results from https://media.aigateway.sh/v1/files/jobs/{id}/{name}, which
# answers 401 without the key.
_FILES = re.compile(r"(?:/[^/]+)*/v1/files/jobs/([^/]+)/([^/]+)")
_LIVE_FILES = ("https", "media.aigateway.sh")
# Servers that decode twice, or read \ or ; as separators, find other parts after these.
_NOT_IN_A_PART = re.compile(r"[/\\%;?#\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def bare_key(text: str) -> str:
    """The key in `text`, without quotes, blanks and `Bearer `."""
    key = text.strip(_AROUND)
    return _SCHEME.sub("", key, count=1).strip(_AROUND) if _SCHEME.match(key) else key


def is_sendable(key: str) -> bool:
    """Whether a header can hold the key: printable ASCII without blanks, and not empty."""
    return bool(key) and all("!" <= character <= "~" for character in key)


class ApiKey(Secret):
    """An API key. Its value is kept out of every text that leaves, see `plain_text.hide`."""

    __slots__ = ()

    def __init__(self, value: str, source: str) -> None:
        super().__init__(value, source)
        hide(value, self.hint)

    @property
    def hint(self) -> str:
        """The last four characters: enough to tell two keys apart."""
        return f"…{self._value[-4:]}" if len(self._value) >= 12 else "…"


class JobFile(NamedTuple):
    """The job and the file of an address that needs the key."""

    job_id: str
    name: str


def job_file(url: str) -> JobFile | None:
    """The job and the file that `url` names; None if its path has another form.

    Two servers may read a path differently if it has dot segments, or slashes or percent signs that
    are encoded, once or more often. Such a path has another form.
    """
    path = urlsplit(url).path
    found = _FILES.fullmatch(path)
    parts = [unquote(part) for part in path.split("/")[1:]]
    if found is None or not all(map(is_one_part, parts)):
        return None
    return JobFile(unquote(found[1]), unquote(found[2]))


def is_one_part(text: str) -> bool:
    """Whether every server reads a decoded text as one part of a path."""
    return bool(text.strip(". ")) and not _NOT_IN_A_PART.search(text)


def key_may_go_to(url: str, base_url: str) -> bool:
    """Whether a download of `url` may carry the key of the gateway at `base_url`.

    Only the address of a job's file may, and only at the gateway's own origin.
    """
    base, target = urlsplit(base_url), urlsplit(url)
    same_origin = (base.scheme, base.netloc) == (target.scheme, target.netloc)
    under_base = target.path.startswith(f"{base.path}/files/")
    return same_origin and under_base and job_file(url) is not None


def key_may_go_elsewhere(url: str, base_url: str) -> bool:
    """Whether the live gateway's file host may get the key: only if `/signed` is unknown."""
    target = urlsplit(url)
    is_live = base_url == LIVE_BASE_URL and (target.scheme, target.netloc) == _LIVE_FILES
    return is_live and target.path.startswith("/v1/files/") and job_file(url) is not None
