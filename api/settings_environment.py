"""The settings in environment variables: AIGATEWAY_<NAME>.

A secret may also be in a file, which AIGATEWAY_<NAME>_FILE names: Docker and Kubernetes give
secrets to a container so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .errors import SettingsError

SECRETS = ("api_key", "ledger_url", "store_url")
"""The settings that may be in a file of their own."""

_LONGEST = 65_536


class Variable(NamedTuple):
    """The text of a setting, "" where it is not set, and the variable that gave it."""

    text: str
    name: str


def variable(setting: str, environ: Mapping[str, str]) -> Variable:
    """A setting as the environment has it. The variable itself comes before the one of a file.

    Raises:
        SettingsError: the file of a secret cannot be read. The message does not hold its text.
    """
    name = f"AIGATEWAY_{setting.upper()}"
    text = _bare(environ.get(name, ""))
    path = _bare(environ.get(f"{name}_FILE", "")) if setting in SECRETS and not text else ""
    if not path:
        return Variable(text, name)
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            text = _bare(file.read(_LONGEST))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(
            f"The file {path} that {name}_FILE names cannot be read ({reason}): correct the "
            "variable or the file."
        ) from None
    return Variable(text, f"{name}_FILE")


def _bare(text: str) -> str:
    """`text` without the quotes that docker's `--env-file` keeps around a value."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text
