"""The sentence for an error of the system: above all for a package that ComfyUI's Python lacks."""

from __future__ import annotations

import sys
from pathlib import Path

from ..api.errors import GatewayError
from .disk import explained_file

_PACK = Path(__file__).resolve().parent.parent
# The packages of requirements.txt, under their import names.
_PACKAGES = (
    "httpx",
    "numpy",
    "soundfile",
    "soxr",
    "av",
    "aiohttp",
    "PIL",
    "tenacity",
    "filelock",
    "tomlkit",
    "tomli",
)


class MissingPackageError(GatewayError):
    """A package of requirements.txt, or a library that it needs, is not installed."""


def explained(error: Exception) -> Exception:
    """An error with advice if a package is missing or a file fails, else the same error."""
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if package in _PACKAGES:
            return MissingPackageError(
                f"The package {package} is not installed in ComfyUI's Python: run  {install()}  "
                "and restart ComfyUI."
            )
    if isinstance(error, OSError) and "sndfile" in str(error) and error.errno is None:
        return MissingPackageError(
            "The library libsndfile is not on this computer: install it with the system's package "
            "manager (libsndfile1 on Debian, libsndfile on Alpine and macOS), and restart ComfyUI."
        )
    # An error of the pack itself has no number.
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        return error if error.errno is None else explained_file(error)
    return error


def install() -> str:
    """The command that installs the requirements; the Python of a portable ComfyUI needs `-s`."""
    return f'"{sys.executable}" -s -m pip install -r "{_PACK / "requirements.txt"}"'
