"""CueSheet: turns a table of tracks into lists for other nodes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..api.base.errors import InputError
from . import host, session
from .cue_families import news_of
from .cue_table import MOST_BYTES, Cue, decoded, file_content, read_as, read_cues
from .lists import shows_errors
from .shared_inputs import checked_text

if TYPE_CHECKING:
    from ..api.money.spending import Quote

CUE_SHEET = "AIGatewayCueSheet"
NO_FILE = "none"
_SUFFIXES = (".csv", ".tsv", ".txt")


class CueSheet(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            CUE_SHEET,
            search_aliases=["csv", "table", "batch of music", "soundtrack list", "game audio"],
            inputs=[
                io.String.Input(
                    "table",
                    multiline=True,
                    default="",
                    optional=True,
                    placeholder="name,seconds,prompt,loop\nforest,40,calm flute and harp,yes",
                ),
                io.Combo.Input(
                    "file",
                    options=[NO_FILE, *host.input_files(_SUFFIXES)],
                    default=NO_FILE,
                    optional=True,
                ),
            ],
            outputs=[
                io.String.Output("prompt", is_output_list=True),
                io.Float.Output("duration", is_output_list=True),
                io.String.Output("lyrics", is_output_list=True),
                io.Int.Output("take", is_output_list=True),
                io.String.Output("name", is_output_list=True),
                io.Boolean.Output("loop", is_output_list=True),
                io.String.Output("report"),
                io.String.Output("family", is_output_list=True),
                io.String.Output("intensity", is_output_list=True),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, table: str = "", file: str = NO_FILE) -> str:
        """A value that changes with the file's content. The run reports an unreadable file."""
        path = None if file == NO_FILE else host.shown_file(str(file), "", "input")
        try:
            return "" if path is None else hashlib.sha256(file_content(path)).hexdigest()
        except InputError as error:
            return str(error)

    @classmethod
    @shows_errors
    async def execute(cls, table: str = "", file: str = NO_FILE) -> io.NodeOutput:
        text = await host.in_thread(_text, checked_text("table", table), str(file))
        cues = await host.in_thread(read_cues, text)
        current = session.settings()
        requests = [cue.request for cue in cues]
        quote = await (await session.library()).quote(requests, current)
        line = _line(cues, quote, is_free=current.is_sandbox)
        host.show_status(line)
        families = {cue.family.casefold(): cue for cue in reversed(cues) if cue.family}
        news = [news_of(cue.family, cue.request.prompt) for cue in reversed(families.values())]
        report = "\n".join([line, *map(_row, cues), *news, *filter(None, [read_as(text)])])
        return io.NodeOutput(*(report if values is None else values for values in _lists(cues)))


class CueSheets:
    """The cue sheets of one graph. Each is read once. The limit applies to their sum."""

    def __init__(self) -> None:
        self._lists: dict[tuple[Any, Any], tuple[list[Any] | None, ...]] = {}
        self._left = MOST_BYTES

    def items_of_output(self, output: int, inputs: Mapping[str, Any]) -> list[Any] | None:
        """The list that an output of a sheet returns; None if the output is not a list.

        Raises:
            InputError: a row cannot be used, or all sheets together are too long.
        """
        table, file = (
            checked_text("table", inputs.get("table", "")),
            str(inputs.get("file", NO_FILE)),
        )
        if (table, file) not in self._lists:
            text = _text(table, file)
            self._left -= len(text)
            if self._left < 0:
                raise InputError(
                    f"The cue sheets have more than {MOST_BYTES} characters together: divide the "
                    "run into several."
                )
            self._lists[table, file] = _lists(read_cues(text))
        lists = self._lists[table, file]
        return lists[output] if 0 <= output < len(lists) else None


def _lists(cues: Sequence[Cue]) -> tuple[list[Any] | None, ...]:
    """The values of the outputs in order; None in place of the report."""
    requests = [cue.request for cue in cues]
    return (
        [request.prompt for request in requests],
        [request.duration for request in requests],
        [request.lyrics for request in requests],
        [request.take for request in requests],
        [cue.name for cue in cues],
        [cue.loop for cue in cues],
        None,
        [cue.family for cue in cues],
        [cue.intensity for cue in cues],
    )


def _text(table: str, file: str) -> str:
    """The text of a sheet, from the text field or from the file."""
    if file == NO_FILE:
        return table
    if table.strip():
        raise InputError(
            f"A table and the file “{file}” are given: clear the table, or set file to {NO_FILE}."
        )
    path = host.shown_file(file, "", "input")
    if path is None or path.suffix.lower() not in _SUFFIXES:
        raise InputError(
            f"The file “{file}” is no CSV file in ComfyUI's input folder: put it there with one of "
            f"the endings {', '.join(_SUFFIXES)}, or choose another."
        )
    return decoded(file_content(path), path.name)


def _line(cues: Sequence[Cue], quote: Quote, *, is_free: bool) -> str:
    count = "1 track" if len(cues) == 1 else f"{len(cues)} tracks"
    seconds = sum(cue.request.duration for cue in cues)
    if is_free:
        price = "free in the sandbox"
    elif quote.is_bought:
        price = "already bought"
    else:
        price = f"{quote.shown} with ACE-Step"
        price += ", over your limit" if quote.refusal else ""
    return f"{count}, {seconds:g} s: {price}"


def _row(cue: Cue) -> str:
    looped = ", loop" if cue.loop else ""
    request = cue.request
    return f"{cue.name}: {request.duration:g} s, take {request.take}{looped}, “{request.prompt}”"
