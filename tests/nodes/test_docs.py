"""The documents for users: their examples run, and their tables agree with the code."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import doctest
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch

from ...api import settings as api_settings
from ...api.base.request import DEFAULT_MODEL
from ...api.settings import Settings
from ...sandbox.server import Sandbox
from ...scripts.lib import headless, pack
from .test_nodes import Node

DOCS = sorted((pack.ROOT / "docs").glob("*.md"))
PAGES = [pack.ROOT / "README.md", *DOCS]
README_LINES = 130
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Example(NamedTuple):
    """A fenced block of a page: its language, its text, and the line where the text begins."""

    page: str
    line: int
    language: str
    text: str


def examples(*languages: str) -> list[Any]:
    found = [pytest.param(e, id=f"{e.page}:{e.line}") for e in _blocks() if e.language in languages]
    assert found, languages
    return found


def _blocks() -> Iterator[Example]:
    for page in PAGES:
        text = page.read_text("utf-8")
        for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            yield Example(page.name, text[: found.start(2)].count("\n"), found[1], found[2])


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the rows of the first table below a heading."""
    below = (pack.ROOT / page).read_text("utf-8").split(f"\n{heading}\n")[1]
    lines = re.findall(r"^\| (.+) \|$", below.split("\n#")[0], re.MULTILINE)
    return [line.split(" | ") for line in lines][2:]


@pytest.fixture
def run(node: Node, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SimpleNamespace]:
    """Runs one node in an event loop of its own, as ComfyUI runs a prompt.

    Inputs that are not given have their defaults. A name in capitals is a setting of the
    environment. The outputs are attributes.
    """
    info = headless.describe(node)

    def call(name: str, **given: Any) -> SimpleNamespace:
        kind = node[f"AIGateway{name}"]
        declared = info[f"AIGateway{name}"]
        inputs = dict(_defaults(declared["input"].get("required", {})))
        inputs |= {name: value for name, value in given.items() if name.islower()}
        with monkeypatch.context() as patch:
            for setting in filter(str.isupper, given):
                patch.setenv(f"AIGATEWAY_{setting}", given[setting])
            clone = kind.PREPARE_CLASS_CLONE({"hidden_inputs": {}})
            result = asyncio.run(clone.EXECUTE_NORMALIZED_ASYNC(**inputs)).result
        return SimpleNamespace(**dict(zip(declared["output_name"], result, strict=True)))

    return call


def _defaults(declared: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, (_, *rest) in declared.items():
        settings = rest[0] if rest else {}
        if "default" in settings:
            yield name, settings["default"]
        elif settings.get("options"):
            yield name, settings["options"][0]


@pytest.mark.slow
@pytest.mark.parametrize("example", examples("python"))
def test_an_example_says_what_happens(
    example: Example,
    run: Callable[..., SimpleNamespace],
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def setting(name: str, *, file: str, **environment: str) -> Any:
        (tmp_path / api_settings.FILE_NAME).write_text(file, "utf-8")
        return getattr(api_settings.load(tmp_path, environment), name)

    noise = torch.rand(1, 2, 12 * 48000, generator=torch.Generator().manual_seed(1)) - 0.5
    beats = torch.cos(torch.arange(12 * 48000) / 48000 * 2 * torch.pi * 2).clamp(0) ** 8
    names = {
        "run": run,
        "charged": lambda: round(float(sandbox.bill()["dollars"]), 4),
        "setting": setting,
        "music": {"waveform": noise * beats * 0.5, "sample_rate": 48000},
    }
    # doctest compares texts whose other characters it has escaped.
    monkeypatch.setattr(doctest, "ELLIPSIS_MARKER", r"\u2026")
    compile("" if ">>>" in example.text else example.text, example.page, "exec")
    parsed = doctest.DocTestParser().get_doctest(
        example.text, names, example.page, example.page, example.line
    )
    said = io.StringIO()
    doctest.DocTestRunner(optionflags=FLAGS).run(parsed, out=said.write)
    assert not said.getvalue(), said.getvalue()


@pytest.mark.parametrize("example", examples("toml"))
def test_a_settings_file_of_an_example_is_read(example: Example, tmp_path: Path) -> None:
    (tmp_path / api_settings.FILE_NAME).write_text(example.text, "utf-8")
    assert api_settings.load(tmp_path, {}) != Settings()


@pytest.mark.slow
@pytest.mark.parametrize("example", examples("csv"))
def test_a_table_of_an_example_is_a_cue_sheet(example: Example, run: Callable[..., Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(example.text)))
    assert run("CueSheet", table=example.text).prompt == [row["prompt"] for row in rows]


@pytest.mark.parametrize("example", examples("sh", "bat", "yaml"))
def test_a_command_of_an_example_names_what_exists(example: Example) -> None:
    files = re.findall(r"python3 (\S+)|aigateway-music[/\\]([\w.-]+\.txt)", example.text)
    missing = [name for pair in files for name in pair if name and not (pack.ROOT / name).exists()]
    assert not missing
    fields = {field.name.upper() for field in dataclasses.fields(Settings)}
    used = set(re.findall(r"AIGATEWAY_([A-Z_]+?)(?:_FILE)?\b", example.text))
    assert used <= {*fields, "DATA_DIR"}


def test_the_table_of_settings_is_complete_and_has_the_defaults() -> None:
    rows = {
        row[0].strip("`"): row[1].strip("`") for row in table("docs/settings.md", "## All settings")
    }
    defaults = {field.name: field.default for field in dataclasses.fields(Settings)}
    assert rows.keys() == defaults.keys() - {"api_key"}
    for name, shown in rows.items():
        default = getattr(defaults[name], "value", defaults[name])
        if isinstance(default, bool):
            assert shown == str(default).lower(), name
        elif isinstance(default, float):
            assert float(shown) == default, name
        elif shown not in ("none", "AIgateway's"):
            assert shown == default, name
        else:
            assert not getattr(default, "names", default), name


def test_the_table_of_routes_is_that_of_the_server(nodes: ModuleType) -> None:
    from aiohttp import web

    routes: Any = __import__(f"{nodes.__name__}.routes", fromlist=["add_to"])
    served = web.RouteTableDef()
    routes.add_to(served)
    known = {f"{route.method} {route.path}" for route in served if isinstance(route, web.RouteDef)}
    rows = table("docs/privacy-and-network.md", "## Routes that are served")
    assert {route for cell, _ in rows for route in re.findall(r"`([^`]+)`", cell)} == known


def test_a_key_is_bounded_with_one_command() -> None:
    """The fields of `POST /v1/sub-accounts`, for the model that the pack asks for."""
    page = (pack.ROOT / "docs" / "settings.md").read_text("utf-8")
    (body,) = re.findall(r"sub-accounts .*?-d '(\{.*?\})'", page, re.DOTALL)
    asked = json.loads(body)
    assert asked["allowed_models"] == [DEFAULT_MODEL]
    assert asked["spend_cap_cents"] > 0


def test_the_readme_fits_on_a_page_and_says_what_money_does() -> None:
    readme = (pack.ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) <= README_LINES
    assert "adds 5 %" in readme
    assert "sign-up credit of $5 almost surely does not buy music" in readme


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_the_tour_names_files_and_what_is_in_them() -> None:
    tour = (pack.ROOT / "docs" / "tour.md").read_text("utf-8")
    stops = re.findall(r"^### `([^`]+)`\n(.*?)(?=^#|\Z)", tour, re.MULTILINE | re.DOTALL)
    assert len(stops) > 20
    for file, text in stops:
        source = (pack.ROOT / file).read_text("utf-8")
        names = [part for name in re.findall(r"`([\w.]+)`", text) for part in name.split(".")]
        assert [name for name in names if name not in source] == [], file


@pytest.mark.parametrize("page", sorted((pack.ROOT / "web" / "docs").rglob("*.md")), ids=str)
def test_the_rows_of_a_table_have_as_many_cells(page: Path) -> None:
    """ComfyUI cuts a row at each bar that has no backslash, also within code."""
    tables = re.findall(r"(?:^\|.*\n)+", page.read_text("utf-8"), re.MULTILINE)
    assert tables
    for table in tables:
        counts = {row: len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(set(counts.values())) == 1, counts
