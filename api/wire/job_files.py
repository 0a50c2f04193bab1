"""The address of a job's file behind the key, and where the key may go for it.

The gateway's SDKs fetch results from `https://media.aigateway.sh/v1/files/jobs/{id}/{name}`, which
answers 401 without the key.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from .base_url import LIVE_BASE_URL

_FILES = re.compile(r"(?:/[^/]+)*/v1/files/jobs/([^/]+)/([^/]+)")
# Servers that decode twice, or take \ or ; for signs of a path, find other parts behind these.
_NOT_IN_A_PART = re.compile(r"[/\\%;?#\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LIVE_FILES = ("https", "media.aigateway.sh")


class JobFile(NamedTuple):
    """The job's id and the file's name in such an address."""

    job_id: str
    name: str


def job_file(url: str) -> JobFile | None:
    """The job and the file that `url` names; None where its path has another form.

    A path that could mean another one is none: with dot segments, slashes or percent signs that
    are encoded, once or more often, or the like.
    """
    path = urlsplit(url).path
    found = _FILES.fullmatch(path)
    parts = [unquote(part) for part in path.split("/")[1:]]
    if found is None or not all(map(is_one_part, parts)):
        return None
    return JobFile(unquote(found[1]), unquote(found[2]))


def is_one_part(text: str) -> bool:
    """Whether a decoded text is one part of a path for every server."""
    return bool(text.strip(". ")) and not _NOT_IN_A_PART.search(text)


def key_may_go_to(url: str, base_url: str) -> bool:
    """Whether a download of `url` may carry the key of the gateway at `base_url`.

    Only for a job's file, and only at the gateway's own origin.
    """
    base, target = urlsplit(base_url), urlsplit(url)
    same_origin = (base.scheme, base.netloc) == (target.scheme, target.netloc)
    under_base = target.path.startswith(f"{base.path}/files/")
    return same_origin and under_base and job_file(url) is not None


def key_may_go_elsewhere(url: str, base_url: str) -> bool:
    """Whether the live gateway's file host may get the key: only where `/signed` is unknown."""
    target = urlsplit(url)
    is_live = base_url == LIVE_BASE_URL and (target.scheme, target.netloc) == _LIVE_FILES
    return is_live and target.path.startswith("/v1/files/") and job_file(url) is not None
