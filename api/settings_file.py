"""The file of the settings, as editors of every system write it."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .errors import SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_file(path: Path) -> dict[str, Any]:
    """The settings of the file; none where there is no file.

    Raises:
        SettingsError: the file cannot be read.
    """
    try:
        return tomllib.loads(text_of(path))
    except (FileNotFoundError, NotADirectoryError):
        # Where a file is in the folder's place, the ledger says so.
        return {}
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read ({error}): correct it or remove it."
        ) from error
    # A number of 5,000 digits and a list in a list, 5,000 deep, are no TOMLDecodeError.
    except (ValueError, RecursionError) as error:
        raise not_toml(path, error) from None


def not_toml(path: Path, error: Exception) -> SettingsError:
    """The error of a file with a mistake. Parsers quote the line, which may hold the API key."""
    line = re.search(r"at (?:line (\d+)|end of document)", str(error))
    where = f"line {line[1]}" if line and line[1] else "its end" if line else "one of its lines"
    return SettingsError(
        f"The settings file {path} cannot be read: correct {where}. Each line is like "
        'mode = "auto", with text in quotes and each name once.'
    )


def not_known(path: Path, name: str, known: Iterable[str]) -> SettingsError:
    """The error of a file with an unknown setting."""
    # A line with its sides exchanged has the key for a name.
    is_name = re.fullmatch("[A-Za-z_]{1,40}", name)
    shown = f"setting “{name}”" if is_name else "setting, whose name is not shown"
    return SettingsError(
        f"{path} has the unknown {shown}: correct or remove it (known: {', '.join(sorted(known))})."
    )


def text_of(path: Path) -> str:
    """The text of the file, without the byte order mark that Windows editors write.

    Raises:
        SettingsError: the file is not UTF-8.
    """
    content = path.read_bytes()
    # UTF-16 without its mark is valid UTF-8 with a zero beside each letter.
    with contextlib.suppress(UnicodeDecodeError):
        if b"\0" not in content:
            return content.decode("utf-8-sig").replace("\r\n", "\n")
    raise SettingsError(
        f"The settings file {path} is not in the encoding UTF-8: open it in an editor and save it "
        "as UTF-8."
    )


def shown(value: Any) -> str:
    """A value of the file as text."""
    try:
        return str(value)
    except (ValueError, RecursionError):
        # TOML writes numbers in base 16 too, with more digits than Python writes in base 10.
        return "a number of thousands of digits"
