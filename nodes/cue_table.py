"""A cue sheet: a table with one row for each track, typed by a person or made by a program."""

from __future__ import annotations

import codecs
import csv
import functools
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..api.base.errors import InputError
from ..api.base.plain_text import clean, shortened, trimmed
from ..api.base.request import MusicRequest
from ..audio.stopping import looked
from .cue_cells import COLUMNS, check_cell, column_of, is_yes, seconds_of
from .cue_families import CueRow, order_together
from .prefix import is_file_name

_DELIMITERS = (",", ";", "\t", "|")
_NONE = "\x1f"
"""Delimiter of a table with one column: no text contains it, so commas stay in the cells."""
# A spreadsheet may have saved this line as a row with more, empty cells.
_EXCEL_DELIMITER = re.compile(r"[\u200e\u200f]*\"?sep=(.)\"?[\s,;|]*", re.IGNORECASE)
_RULE = re.compile(r":?-+:?")
MOST_BYTES = 10_000_000
"""Limit on bytes of a file and characters of a table: the sum over all sheets of one run."""
# The limit counts valid and invalid rows.
_MOST_ROWS = 1000
# The limit counts blank rows too.
_MOST_READ = 10_000
# A spreadsheet may write empty cells after the last column.
_MOST_CELLS = 100
_LONGEST_HEADER = 10_000
_MOST_TABLES = 4
_NAME_LENGTH = 40
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""The first bytes of Excel and LibreOffice files, new and old."""


class Cue(NamedTuple):
    """One row. `line`: its first line in the table, counted from 1. `name` names its file."""

    line: int
    name: str
    request: MusicRequest
    loop: bool
    family: str = ""
    intensity: str = ""


class _Row(NamedTuple):
    line: int
    cells: list[str]


def file_content(path: Path) -> bytes:
    """The bytes of a table's file. Its size is checked before the file is read.

    Raises:
        InputError: the file has more than MOST_BYTES.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise InputError(
            f"The file “{path.name}” has {size} bytes, and a cue sheet at most {MOST_BYTES}: "
            "choose another file."
        )
    with path.open("rb") as file:
        # The file may have grown since the check of its size.
        return file.read(MOST_BYTES)


def decoded(content: bytes, filename: str) -> str:
    """The text of a table's file: UTF-8, or UTF-16 and UTF-32 as Excel and scripts write them.

    Raises:
        InputError: the file is a workbook, or has another encoding.
    """
    if content.startswith(_WORKBOOKS):
        raise InputError(
            f"The file “{filename}” is a workbook, and a table in text is expected: save it as "
            "“CSV UTF-8”."
        )
    encoding = _encoding(content)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"Line {line} of the file “{filename}” is not in the encoding UTF-8: save it as “CSV "
            "UTF-8”."
        ) from None


def _encoding(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # A table begins with an ASCII word: if every second byte is NUL, the text is UTF-16.
    if content[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if content[:1] == b"\0" else "utf-8-sig"


def read_cues(table: str) -> Sequence[Cue]:
    """The rows of a table, whose first line names the columns; only `prompt` is required.

    Columns are divided by commas, semicolons, tabs or `|`; quotes hold cells with such a character
    or with several lines. A row without seconds has DEFAULT_SECONDS; one without a take, take 1.
    The check of a queued graph, the price and the run read the same table: it is parsed once.

    Raises:
        InputError: there are no rows or too many rows, or some rows are invalid. The message
            names each invalid row by its line.
    """
    sheet = _parsed(table)
    if sheet.fault:
        raise InputError(sheet.fault)
    return sheet.cues


def read_as(table: str) -> str:
    """The column for each heading that is not a column's own name; "" if there is none."""
    return _parsed(table).read_as


class _Sheet(NamedTuple):
    """A parsed table, or the reason why it cannot be used."""

    cues: Sequence[Cue] = ()
    read_as: str = ""
    fault: str = ""


@functools.lru_cache(_MOST_TABLES)
def _parsed(table: str) -> _Sheet:
    try:
        return _read_sheet(table)
    except InputError as error:
        return _Sheet(fault=str(error))


def _read_sheet(table: str) -> _Sheet:
    if len(table) > MOST_BYTES:
        raise InputError(
            f"The cue sheet has {len(table)} characters, and at most {MOST_BYTES} are read: divide "
            "it into several."
        )
    rows, first = _rows(table)
    header = next(rows, None)
    if header is None:
        raise InputError(
            "The cue sheet is empty: write a line such as name,seconds,prompt,loop, and then a row "
            "for each track."
        )
    columns = _columns(header)
    read: list[CueRow] = []
    wrong: list[tuple[int, str]] = []
    for row in rows:
        if first == "|" and all(_RULE.fullmatch(cell) for cell in row.cells if cell):
            continue
        if len(read) + len(wrong) == _MOST_ROWS:
            raise InputError(
                f"The cue sheet has more than {_MOST_ROWS} rows: divide it into several."
            )
        try:
            read.append(CueRow(row.line, _values(row, columns)))
        except InputError as error:
            wrong.append((row.line, str(error)))
    wrong += order_together(read)
    cues: list[Cue] = []
    names: dict[str, int] = {}
    for row in read:
        try:
            cues.append(_cue(row, names))
        except InputError as error:
            wrong.append((row.line, str(error)))
    if wrong:
        wrong.sort()
        line, sentence = wrong[0]
        others = ", ".join(
            str(other) for other in dict.fromkeys(at for at, _ in wrong) if other != line
        )
        also = f" Also wrong: line {others}." if others else ""
        raise InputError(f"Line {line} of the cue sheet: {sentence}{also} Nothing was bought.")
    if not cues:
        raise InputError("The cue sheet has no row below its columns: write one for each track.")
    others = [
        f"“{shortened(cell, 40)}” as {column_of(cell)}"
        for cell in header.cells
        if column_of(cell) in COLUMNS and column_of(cell) != cell.lower()
    ]
    return _Sheet(tuple(cues), f"Read {', '.join(others)}." if others else "")


def _rows(table: str) -> tuple[Iterator[_Row], str]:
    """The rows that are not blank, and the delimiter of their cells."""
    lines = io.StringIO(clean(table).removeprefix("\ufeff"))
    skipped, header = 0, lines.readline()
    while header and not header.strip():
        skipped, header = skipped + 1, lines.readline()
        _check_count(skipped)
    given = _EXCEL_DELIMITER.fullmatch(header.rstrip("\n"))
    if given:
        skipped, header = skipped + 1, lines.readline()
    delimiter = given[1] if given else _delimiter(header)
    return _read(itertools.chain([header], lines), delimiter, skipped), delimiter


def _check_count(rows: int) -> None:
    if rows > _MOST_READ:
        raise InputError(
            f"The cue sheet has more than {_MOST_READ} rows with the blank ones: remove those."
        )


def _delimiter(header: str) -> str:
    """The delimiter that divides the header into the most known columns."""

    def known(delimiter: str) -> int:
        cells = header[:_LONGEST_HEADER].split(delimiter)
        return sum(column_of(cell) in COLUMNS for cell in cells) if len(cells) > 1 else 0

    best = max(_DELIMITERS, key=known)
    # Also split a header of unknown columns, so that the message can name one column.
    often = max(_DELIMITERS, key=header.count)
    return best if known(best) else often if often in header else _NONE


def _read(lines: Iterable[str], delimiter: str, skipped: int) -> Iterator[_Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    begins = skipped + 1
    try:
        for count, cells in looked(enumerate(reader)):
            _check_count(count)
            if any(cells[_MOST_CELLS:]):
                raise InputError(
                    f"Line {begins} of the cue sheet has more than {_MOST_CELLS} cells: remove "
                    "those below no column."
                )
            cells = [trimmed(cell) for cell in cells[:_MOST_CELLS]]
            if delimiter == "|" and len(cells) > 1 and not cells[0] and not cells[-1]:
                cells = cells[1:-1]
            if any(cells):
                yield _Row(begins, cells)
            begins = skipped + reader.line_num + 1
    except csv.Error as error:
        reason = "a quote is never closed" if "end of data" in str(error) else str(error)
        raise InputError(
            f"Line {begins} of the cue sheet cannot be divided into cells ({reason}): put a cell "
            "with quotes into quotes, and double the quotes in it."
        ) from None


def _columns(header: _Row) -> list[str]:
    columns = [column_of(cell) for cell in header.cells]
    if "prompt" not in columns:
        raise InputError(
            f"Line {header.line} of the cue sheet has no column “prompt”: begin with the names of "
            f"the columns, out of {', '.join(COLUMNS)}."
        )
    for index, column in enumerate(columns):
        if column and column not in COLUMNS:
            raise InputError(
                f"Line {header.line} of the cue sheet has the column "
                f"“{shortened(header.cells[index], 40)}”: only {', '.join(COLUMNS)} are known."
            )
        if column and columns.index(column) != index:
            raise InputError(
                f"Line {header.line} of the cue sheet has the column “{column}” twice: remove one."
            )
    return columns


def _values(row: _Row, columns: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = dict.fromkeys(COLUMNS, "")
    for index, cell in enumerate(row.cells):
        column = columns[index] if index < len(columns) else ""
        if column:
            check_cell(column, cell)
            values[column] = cell
        elif cell:
            raise InputError(
                f"it has the cell “{shortened(cell, 40)}” below no column: put a cell that "
                "holds the dividing character into quotes."
            )
    return values


def _cue(row: CueRow, names: dict[str, int]) -> Cue:
    values = row.values
    request = MusicRequest(
        values["prompt"],
        seconds_of(values["seconds"]),
        # In a text field each row has one line.
        values["lyrics"].replace("\\n", "\n"),
        take=_take(values["take"]),
    ).validated()
    name = trimmed(" ".join(values["name"].split()))
    if name:
        if not is_file_name(name):
            raise InputError(f"the name “{name}” cannot be a file's: use letters or digits.")
        other = names.setdefault(name.lower(), row.line)
        if other != row.line:
            raise InputError(f"line {other} has the name “{name}” too: give each row its own.")
    name = name or shortened(request.prompt, _NAME_LENGTH).rstrip("…")
    return Cue(row.line, name, request, is_yes(values["loop"]), row.family, row.intensity)


def _take(cell: str) -> Any:
    return cell or 1
