"""Errors with advice for a person, and errors in the form that the page reads."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any

from ..api.base.errors import GatewayError
from ..api.base.plain_text import dollars, plain
from .host import StatusText
from .library_errors import changed_library

_REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
PACKAGES = (
    "httpx",
    "numpy",
    "soundfile",
    "soxr",
    "av",
    "aiohttp",
    "PIL",
    "filelock",
    "tomlkit",
    "tomli",
)
"""The packages of requirements.txt, under their import names."""
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class MissingPackageError(GatewayError):
    """A package of requirements.txt, or a library that it needs, is not installed."""


class ChangedPackageError(GatewayError):
    """The version of a package does not work with the pack's calls."""


class FileError(GatewayError):
    """A file cannot be written or read."""


def title(error: Exception) -> StatusText:
    """The sentence `error_<type>`. The sentence for a dead job names its charge."""
    name = type(error).__name__ if isinstance(error, GatewayError) else "other"
    charge = getattr(error, "charge", 0.0)
    if charge:
        return StatusText(f"error_{name}_charged", {"price": dollars(charge)})
    return StatusText(f"error_{name}")


def report(error: GatewayError) -> dict[str, Any]:
    """An error for the page: its type, its sentences, and the facts for the user's next step.

    The text is one line without markup and without the key.
    """
    return {
        "type": type(error).__name__,
        "text": plain(str(error)),
        "job_id": error.job_id,
        "charge": getattr(error, "charge", 0.0),
        "local_id": getattr(error, "local_id", None),
        "setting": getattr(error, "setting", ""),
    }


def explained(error: Exception) -> Exception:
    """The error; with advice if a package is missing or changed, or a file operation failed."""
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if package in PACKAGES:
            return MissingPackageError(
                f"The package {package} is not installed in ComfyUI's Python: run  "
                f"{install_command()}  and restart ComfyUI."
            )
    changed = changed_library(error)
    if changed is not None:
        return ChangedPackageError(changed)
    if isinstance(error, OSError) and "sndfile" in str(error) and error.errno is None:
        return MissingPackageError(
            "The library libsndfile is not on this computer: install it with the system's package "
            "manager (libsndfile1 on Debian, libsndfile on Alpine and macOS), and restart ComfyUI."
        )
    # An OSError that the pack itself raises has no `errno`.
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        return error if error.errno is None else _explained_file(error)
    return error


def install_command() -> str:
    """The command that installs the requirements. A portable ComfyUI's Python needs `-s`."""
    return f'"{sys.executable}" -s -m pip install -r "{_REQUIREMENTS}"'


def _explained_file(error: OSError) -> FileError:
    """An error of the operating system with advice. It names the file without its folder."""
    name = Path(str(error.filename)).name if error.filename else ""
    which = f"The file {name}" if name else "A file"
    reason = error.strerror or "no reason is given"
    if error.errno in _FULL:
        advice = "free some space on the disk, or choose another folder"
    elif error.errno in _FORBIDDEN:
        advice = "let ComfyUI write there, or choose another folder"
    else:
        advice = "check the disk and its folder"
    return FileError(
        f"{which} cannot be written or read ({reason}): {advice}, and queue again. A bought track "
        "is not paid again."
    )
