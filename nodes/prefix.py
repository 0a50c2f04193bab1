"""`filename_prefix`, made safe for every system.

Windows refuses some characters, some names and some ends of names. A file may move to another
system, so these rules apply on every system. They are from Microsoft's "Naming Files, Paths, and
Namespaces".
"""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..api.base.errors import InputError
from ..api.base.plain_text import REPLACEMENT, clean, shortened
from .shared_inputs import checked_text

DEFAULT = "AIgateway"
TITLE_LENGTH = 60

# File systems allow 255 bytes. Eight digits, an extension and two underscores follow the prefix.
_FILE_BYTES = 255 - len("_00000000_.flac")
_FOLDER_BYTES = 255

_TOKEN = re.compile(r"%(date:[^%]*|take|job_id|title|bpm)%")
# The date letters of ComfyUI's frontend: one letter gives no leading zero, two letters give it.
_DATE_PART = re.compile("yyyy|yy|MM?|dd?|hh?|mm?|ss?")
_REFUSED = re.compile(f'[<>:"|?*\n\t{REPLACEMENT}]')
SEPARATORS = re.compile(r"[/\\]")
# Marks that change the order of letters on the screen, and zero-width characters: they make one
# name look like another.
_HIDDEN = re.compile("[\u200b\u200e\u200f\u061c\u2028-\u202e\u2060-\u2069\ufeff]")
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³"]
)


def safe_prefix(prefix: Any, values: Mapping[str, str], now: time.struct_time, output: Path) -> str:
    """A relative path with `/` between its parts; its last part begins the file's name.

    Args:
        prefix: may hold `%take%`, `%job_id%`, `%title%`, `%bpm%`, and `%date:yyyy-MM-dd%` with
            ComfyUI's letters.
        values: the values of the tokens. A token without a value is removed.
        output: ComfyUI's output folder. An absolute prefix must be in it.

    Raises:
        InputError: the prefix is not text, or leads out of the output folder, also by a link.
    """
    prefix = checked_text("filename_prefix", prefix)

    def value(token: re.Match[str]) -> str:
        name = token[1]
        if name.startswith("date:"):
            return SEPARATORS.sub("_", _date(name.removeprefix("date:"), now))
        # The value of a token must not lead to another folder.
        filled = SEPARATORS.sub("_", values.get(name, ""))
        return "_" if filled.strip() in (".", "..") else filled

    filled = _HIDDEN.sub("", clean(_TOKEN.sub(value, _relative(prefix, output))))
    *folders, name = SEPARATORS.split(filled)
    parts: list[str] = []
    for folder in folders:
        if folder.strip() == "..":
            if not parts:
                raise _outside(prefix)
            parts.pop()
        elif folder.strip() not in ("", "."):
            parts.append(_safe(folder, _FOLDER_BYTES) or "_")
    if name.strip() == "..":
        raise _outside(prefix)
    if not _is_within(output.joinpath(*parts), output):
        raise _outside(prefix, " through a link")
    return "/".join([*parts, _safe(name, _FILE_BYTES) or DEFAULT])


def flat(prefix: str) -> str:
    """A safe prefix without folders: their names begin the name of the file.

    >>> flat("game/music/forest")
    'game_music_forest'
    """
    return prefix.replace("/", "_").encode()[-_FILE_BYTES:].decode(errors="ignore")


def unquoted(path: str) -> str:
    """A path without the double quotes that Windows adds when a person copies it."""
    bare = path.strip()
    return bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] == '"' else path


def is_file_name(name: str) -> bool:
    """Whether a file can have this name: it is not `..`, and has an allowed character."""
    return bool(_safe(_HIDDEN.sub("", SEPARATORS.sub("_", name)), _FILE_BYTES).strip("_"))


def _relative(prefix: str, output: Path) -> str:
    """The prefix, relative to the output folder. Raises InputError: the path is not in it."""
    try:
        return str(Path(prefix).relative_to(output))
    except ValueError:
        pass
    if SEPARATORS.match(prefix) or re.match(r"[A-Za-z]:[/\\]", prefix):
        raise _outside(prefix)
    return prefix


def _is_within(folder: Path, output: Path) -> bool:
    """Whether a folder, which need not exist, is in the output folder when links are followed."""
    try:
        folder.stat()
    except OSError as error:
        # Links in a circle: from Python 3.13 on, `resolve` does not raise for them.
        if error.errno == errno.ELOOP:
            return False
    try:
        return folder.resolve().is_relative_to(output.resolve())
    except (OSError, RuntimeError):
        return False


def _outside(prefix: str, how: str = "") -> InputError:
    return InputError(
        f"The filename_prefix “{shortened(clean(prefix), 80)}” leads out of ComfyUI's output "
        f"folder{how}: use a name, or a path inside it such as audio/song."
    )


def _safe(part: str, most: int) -> str:
    """One part of a path, with at most `most` bytes. Empty if no allowed character is left."""
    part = _trimmed(_REFUSED.sub("_", part))
    # A leading dot hides a file, and a leading dash makes it an option of a command.
    if part[:1] in (".", "-"):
        part = "_" + part.lstrip(".-")
        part = "" if part == "_" else part
    # On Windows con.txt is the console, but con_00001_.flac is a file.
    stem, dot, rest = part.partition(".")
    if stem.rstrip().lower() in _DEVICES:
        part = f"{stem.rstrip()}_{dot}{rest}"
    cut = part.encode()[:most].decode(errors="ignore")
    return _trimmed(cut)


def _trimmed(part: str) -> str:
    return part.strip().rstrip(". ").strip()


def _date(letters: str, now: time.struct_time) -> str:
    parts = {"M": now.tm_mon, "d": now.tm_mday, "h": now.tm_hour, "m": now.tm_min, "s": now.tm_sec}

    def written(found: re.Match[str]) -> str:
        match found[0]:
            case "yyyy":
                return f"{now.tm_year:04}"
            case "yy":
                return f"{now.tm_year % 100:02}"
            case letter:
                return str(parts[letter[0]]).zfill(len(letter))

    return _DATE_PART.sub(written, letters)
