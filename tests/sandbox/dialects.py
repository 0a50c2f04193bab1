"""The dialects of the protocol by name, for `tests/sandbox/serve.py --dialect`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...sandbox.profile import Dialect, FileOrigin, Profile, ResultShape

DIALECTS: dict[str, dict[str, Any]] = {
    "file_url": {"result": ResultShape.NESTED_FILE_URL},
    "result_url": {"result": ResultShape.TOP_LEVEL},
    "processing": {"running": "processing"},
    "plain-errors": {"error_is_string": True},
    "numbered-errors": {"numeric_error_code": True},
    "cancel-by-post": {"cancel_by_delete": False},
    "answers-200": {"submit_status": 200},
    "no-idempotency": {"honours_idempotency_key": False},
    "keyed-files": {"files": FileOrigin.KEYED},
    "files-elsewhere": {"files": FileOrigin.ELSEWHERE_SIGNED},
    "files-on-demand": {"files": FileOrigin.ELSEWHERE_ON_DEMAND},
    "files-keyed-elsewhere": {"files": FileOrigin.ELSEWHERE_KEYED},
    "usage-labels": {"usage_label": "label"},
    "usage-bare": {"usage_is_bare": True},
    "no-usage": {"usage_routes": ()},
    "no-data-addresses": {"takes_data_addresses": False},
    "own-request-ids": {"takes_request_id": False},
    "cached": {"caches": True},
}
"""The fields of `Dialect` that each name changes."""
PROFILES: dict[str, dict[str, Any]] = {"usage-at-once": {"usage_delay": 0.0}}
"""The fields of `Profile` that each name changes."""
NAMES = (*DIALECTS, *PROFILES)


def speaking(profile: Profile, names: Iterable[str]) -> Profile:
    """`profile` with the dialects of these names. The last of two that change one field wins."""
    dialect: dict[str, Any] = {}
    changed: dict[str, Any] = {}
    for name in names:
        dialect |= DIALECTS.get(name, {})
        changed |= PROFILES.get(name, {})
    spoken: Dialect = profile.dialect._replace(**dialect)
    return profile._replace(dialect=spoken, **changed)
