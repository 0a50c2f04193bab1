"""The house keeps its floors: which folder may import which, read from the source with `ast`.

Imports under `if TYPE_CHECKING:` do not count: they load nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACK = Path(__file__).parent.parent
FOLDERS = ("nodes", "api", "audio", "music", "video", "files", "sandbox")
PRODUCT = [PACK / "__init__.py"]
PRODUCT += [file for top in FOLDERS for file in sorted((PACK / top).rglob("*.py"))]
LINES = 320
LONGER: dict[str, str] = {}

RUNTIME = ["comfy", "comfy_api", "comfy_execution", "folder_paths", "server"]

# (who, what it never imports): dotted beginnings, the pack's own modules without the pack's name.
NEVER = [
    ("api.wire", ["api.money", "api.media", "api.account", "api.library"]),
    ("api.money", ["api.media", "api.account", "api.library"]),
    ("api.media", ["api.account", "api.library"]),
    ("api.errors", ["api.wire", "api.money", "api.media", "api.account", "api.library"]),
    ("api.timing", ["api.wire", "api.money", "api.media", "api.account", "api.library"]),
    ("api.request", ["api.wire", "api.money", "api.media", "api.account", "api.library"]),
    ("nodes", ["api.money", "api.wire"]),
    (
        "api",
        ["torch", "torchaudio", *RUNTIME],
    ),
    ("api", ["nodes", "audio", "music", "video", "sandbox"]),
    *(
        (
            top,
            ["httpx", *RUNTIME, "api", "nodes"],
        )
        for top in ("audio", "music", "video")
    ),
    ("audio", ["music", "video", "sandbox"]),
    ("music", ["video", "sandbox"]),
    ("video", ["sandbox"]),
    ("sandbox", ["api", "nodes", *RUNTIME]),
    ("files", [top for top in FOLDERS if top != "files"]),
]


def _name(file: Path) -> str:
    return ".".join(file.relative_to(PACK).with_suffix("").parts).removesuffix(".__init__")


def _loaded(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from _loaded(ast.Module([other], []))
        else:
            yield from _loaded(node)


def imports(file: Path, source: str | None = None) -> set[str]:
    """Dotted names that a file loads; relative ones are resolved from the pack's root."""
    folder = file.relative_to(PACK).parent.parts
    found: set[str] = set()
    for node in _loaded(ast.parse(source or file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
            continue
        up = len(folder) - node.level + 1
        base = [*folder[:up], *filter(None, [node.module])] if node.level else [node.module or ""]
        found.update(".".join([*base, alias.name]) for alias in node.names)
    return found


def _under(name: str, top: str) -> bool:
    return name == top or name.startswith(top + ".")


@pytest.mark.parametrize(
    ("who", "what"),
    [pytest.param(who, what, id=f"{who} -> {what}") for who, tops in NEVER for what in tops],
)
def test_an_arrow_that_never_is(who: str, what: str) -> None:
    broken = [
        f"{file.relative_to(PACK)} imports {name}"
        for file in PRODUCT
        if _under(_name(file), who)
        for name in sorted(imports(file))
        if _under(name, what)
    ]
    assert not broken, "\n".join(broken)


def test_only_the_host_package_touches_comfyuis_runtime() -> None:
    broken = [
        f"{file.relative_to(PACK)} imports {name}"
        for file in PRODUCT
        if not _under(_name(file), "nodes.host")
        for name in sorted(imports(file))
        if any(_under(name, top) for top in RUNTIME)
        and not name.startswith("comfy_api.latest.")  # the schemas
    ]
    assert not broken, "\n".join(broken)


def test_no_file_is_long_without_a_stated_cause() -> None:
    long = {
        file.relative_to(PACK).as_posix(): lines
        for file in [*PRODUCT, *(PACK / "web").rglob("*.js"), *(PACK / "web").rglob("*.css")]
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > LINES
    }
    assert not long.keys() - LONGER.keys(), f"over {LINES} lines: {long}"


def test_the_reader_of_imports_sees_what_is_loaded_and_only_that() -> None:
    source = (
        "from typing import TYPE_CHECKING\nfrom ..money import ledger\n"
        "if TYPE_CHECKING:\n    from ..media import tracks\nelse:\n    import torch\n"
        "def late():\n    from .client import Client\n"
    )
    assert imports(PACK / "api" / "wire" / "x.py", source) == {
        "typing.TYPE_CHECKING",
        "api.money.ledger",
        "torch",
        "api.wire.client.Client",
    }


def _appendix() -> list[tuple[str, list[str]]]:
    text = (PACK / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\d+\. (.+\?) (.+)$", text.split("## Appendix")[1], re.MULTILINE)
    return [(question, re.findall(r"`([^`]+)`", answer)) for question, answer in rows]


def test_twenty_questions_lead_to_files_that_exist() -> None:
    rows = _appendix()
    assert len(rows) == 20
    named = [(question, file) for question, files in rows for file in files or ["no file"]]
    missing = [f"{question} {file}" for question, file in named if not (PACK / file).is_file()]
    assert not missing, "\n".join(missing)


def test_every_help_page_is_also_the_page_of_all_other_languages() -> None:
    docs = PACK / "web" / "docs"
    folders = [folder for folder in docs.iterdir() if folder.is_dir()]
    assert folders
    stale = [
        folder.name
        for folder in folders
        if not (page := docs / f"{folder.name}.md").is_file()
        or page.read_text(encoding="utf-8") != (folder / "en.md").read_text(encoding="utf-8")
    ]
    assert not stale, f"copy en.md to web/docs/<NodeId>.md for {stale}"


def test_every_threat_names_a_test_that_exists() -> None:
    text = (PACK / "SECURITY.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 30
    for *_, tests in rows:
        named = re.findall(r"`(tests/[^`]+\.py)`", tests)
        assert named, f"no test: {tests}"
        missing = [name for name in named if not (PACK / name).is_file()]
        assert not missing, missing
