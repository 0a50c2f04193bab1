"""The house keeps its floors: which folder may import which, and what `scripts/house.py` counts."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

import pytest

from ..scripts import house
from ..scripts.house import imports, module_name

PACK = house.PACK
FOLDERS = ("nodes", "api", "audio", "music", "video", "files", "sandbox")
PRODUCT = [PACK / "__init__.py", *house.python_files(*FOLDERS)]
LINES = 700
WINGS = {"Peers", "RateLimiter"}
"""What a desktop does alone, and a farm with other machines: the other class stands in the wing."""
IMPORTS = {file: sorted(imports(file)) for file in PRODUCT}

RUNTIME = ["comfy", "comfy_api", "comfy_execution", "folder_paths", "server"]

ABOVE = ["api.wire", "api.money", "api.media", "api.farm", "api.account", "api.library"]

# (who, what it never imports): dotted beginnings, the pack's own modules without the pack's name.
NEVER = [
    ("api.wire", ["api.money", "api.media", "api.farm", "api.account", "api.library"]),
    ("api.money", ["api.media", "api.account", "api.library"]),
    ("api.media", ["api.account", "api.library"]),
    ("api.farm", ["api.account", "api.library"]),
    ("api.base.errors", ABOVE),
    ("api.base.timing", ABOVE),
    ("api.base.request", ABOVE),
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
        if _under(module_name(file), who)
        for name in IMPORTS[file]
        if _under(name, what)
    ]
    assert not broken, "\n".join(broken)


def test_the_host_package_imports_nothing_of_ours_above_it() -> None:
    below = ("nodes.host", "files", "api.base.plain_text", "audio.stopping")
    broken = [
        f"{file.relative_to(PACK)} imports {name}"
        for file in PRODUCT
        if _under(module_name(file), "nodes.host")
        for name in IMPORTS[file]
        if name != "nodes"  # ComfyUI's own
        and any(_under(name, top) for top in FOLDERS)
        and not any(_under(name, top) for top in below)
    ]
    assert not broken, "\n".join(broken)


def test_only_the_host_package_touches_comfyuis_runtime() -> None:
    broken = [
        f"{file.relative_to(PACK)} imports {name}"
        for file in PRODUCT
        if not _under(module_name(file), "nodes.host")
        for name in IMPORTS[file]
        if any(_under(name, top) for top in RUNTIME)
        and not name.startswith("comfy_api.latest.")  # the schemas
    ]
    assert not broken, "\n".join(broken)


def test_one_file_opens_the_farm() -> None:
    graph = house.import_graph(PRODUCT)
    doors = [
        name
        for name, used in graph.items()
        if not _under(name, "api.farm") and any(_under(other, "api.farm") for other in used)
    ]
    assert len(doors) <= 1, f"a desktop never enters the farm, but for one file: {doors}"


def test_no_file_is_longer_than_one_idea() -> None:
    files = [*PRODUCT, *house.web_files()]
    long = {str(file): lines for file in files if (lines := house.line_count(file)) > LINES}
    assert not long, f"over {LINES} lines: {long}"


def test_a_class_stands_in_one_file() -> None:
    """No class is there for a single heir in another file, but for errors and protocols."""
    homes: list[tuple[str, str]] = []
    heirs: dict[str, list[str]] = defaultdict(list)
    for file in PRODUCT:
        for node in ast.walk(house.tree(file)):
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases]
                if "Protocol" not in bases and not node.name.endswith("Error"):
                    homes.append((node.name, house.path_of(file)))
                for base in bases:
                    heirs[base].append(house.path_of(file))
    parts = {name for name, home in homes if len(heirs[name]) == 1 and heirs[name] != [home]}
    assert parts <= WINGS


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


@pytest.mark.parametrize(
    ("part", "rooms", "floors", "arrows"),
    [("api", 8, 5, 20), ("api/money", 13, 8, 27), ("api/wire", 14, 5, 23)],
)
def test_the_house_stays_low(part: str, rooms: int, floors: int, arrows: int) -> None:
    shape = house.api_shape() if part == "api" else house.folder_shape(part)
    assert shape.rooms <= rooms
    assert shape.floors <= floors
    assert shape.arrows <= arrows


def test_the_commands_keep_their_budget() -> None:
    assert house.product_lines()["scripts"] <= house.BUDGETS["scripts"]


def test_no_name_of_a_file_or_a_class_stands_twice() -> None:
    assert not house.basenames_twice()
    assert not house.classes_twice()


def test_floors_are_counted_from_imports_and_a_circle_is_one_floor() -> None:
    chain = {"a": {"b"}, "b": {"c"}, "c": set()}
    assert house.shape(chain) == (3, 3, 2)
    assert house.shape({**chain, "c": {"b"}}) == (3, 2, 3)


def test_a_folder_is_one_room_of_the_house_above_it() -> None:
    graph = {"api.a": {"api.x.one"}, "api.x.one": {"api.x.two"}, "api.x.two": set()}
    assert house.grouped(graph, 2) == {"api.a": {"api.x"}, "api.x": set()}


def test_files_that_contributing_names_exist_and_it_stays_short() -> None:
    text = (PACK / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    named = set(re.findall(r"(?:\w+/)+[\w.]+\.(?:py|md|json|toml)", text))
    assert len(named) > 20
    assert not [name for name in named if not (PACK / name).is_file()]


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
    threats = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    assert len(threats) > 30
    for threat in threats:
        for part in ("Attacker", "At risk", "Defence", "Tests"):
            assert f"- **{part}:** " in threat, threat
        named = re.findall(r"`(tests/[^`]+\.py)`", threat)
        assert named, f"no test: {threat}"
        missing = [name for name in named if not (PACK / name).is_file()]
        assert not missing, missing
