"""Count the rooms of the house and the arrows between them: `python3 scripts/house.py`.

It reads the source with `ast` and needs no package. Imports under `if TYPE_CHECKING:` do not count:
they load nothing. Imports inside functions do.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

PACK = Path(__file__).resolve().parent.parent
BUDGETS = {
    "nodes": 5_200,
    "api": 9_100,
    "audio": 3_250,
    "music": 2_550,
    "video": 1_600,
    "files": 330,
    "sandbox": 2_400,
    "web": 4_700,
    "scripts": 1_650,
}
"""The most lines of each folder: Python, and for `web` the code and style sheets in it."""
PRODUCT_BUDGET = 31_000
SMALL = 60
"""A shorter file with a single importer is part of that importer."""

Graph = Mapping[str, set[str]]


class Shape(NamedTuple):
    """A part of the house: how many rooms, how high, how many arrows between the rooms."""

    rooms: int
    floors: int
    arrows: int


def python_files(*folders: str) -> list[Path]:
    """The Python files of these folders of the pack; of all product folders without arguments."""
    wanted = folders or [folder for folder in BUDGETS if folder != "web"]
    found = [] if folders else [PACK / "__init__.py"]
    return found + [file for folder in wanted for file in sorted((PACK / folder).rglob("*.py"))]


def web_files() -> list[Path]:
    """The browser side's code and style sheets."""
    return sorted(p for p in (PACK / "web").rglob("*") if p.suffix in (".js", ".css"))


def line_count(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def module_name(file: Path) -> str:
    """The dotted name of a file without the pack's own name: `api.wire.client`."""
    return ".".join(file.relative_to(PACK).with_suffix("").parts).removesuffix(".__init__")


@cache
def tree(file: Path) -> ast.Module:
    """The syntax of a file, which is parsed once."""
    return ast.parse(file.read_text(encoding="utf-8"))


def imports(file: Path, source: str | None = None) -> set[str]:
    """Dotted names that a file loads; relative ones are resolved from the pack's root."""
    folder = file.relative_to(PACK).parent.parts
    found: set[str] = set()
    for node in _loaded(tree(file) if source is None else ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
            continue
        up = len(folder) - node.level + 1
        base = [*folder[:up], *filter(None, [node.module])] if node.level else [node.module or ""]
        found.update(".".join([*base, alias.name]) for alias in node.names)
    return found


def import_graph(files: Iterable[Path]) -> dict[str, set[str]]:
    """For each module the modules among `files` that it imports, itself excepted."""
    names = {module_name(file): file for file in files}
    return {
        name: {found for used in imports(file) if (found := _module_of(used, names))} - {name}
        for name, file in names.items()
    }


def grouped(graph: Graph, depth: int) -> dict[str, set[str]]:
    """The graph of the first `depth` parts of the names: folders, and files beside them."""
    groups: dict[str, set[str]] = defaultdict(set)
    for name, used in graph.items():
        group = _beginning(name, depth)
        groups[group] |= {_beginning(other, depth) for other in used} - {group}
    return dict(groups)


def shape(graph: Graph) -> Shape:
    """Rooms, floors and arrows of an import graph.

    The floors are the modules on the longest chain of imports. Modules that import each other are
    one module in that chain.
    """
    below = {name: _reached(graph, name) for name in graph}

    @cache
    def height(name: str) -> int:
        circle = {name, *(other for other in below[name] if name in below[other])}
        used = {other for member in circle for other in graph[member]} - circle
        return 1 + max(map(height, used), default=0)

    return Shape(len(graph), max(map(height, graph), default=0), sum(map(len, graph.values())))


def api_shape() -> Shape:
    """The shape of `api/`: its folders and the files beside them are its rooms."""
    graph = grouped(import_graph(python_files("api")), 2)
    return shape({name: used - {"api"} for name, used in graph.items() if name != "api"})


def folder_shape(folder: str) -> Shape:
    """The shape of one folder; its `__init__` files do not count as rooms."""
    graph = import_graph(f for f in python_files(folder) if f.name != "__init__.py")
    return shape(graph)


def lonely_rooms() -> dict[str, str]:
    """The short files that a single file of the same top folder imports, and that file."""
    files = python_files()
    importers: dict[str, set[str]] = defaultdict(set)
    for name, used in import_graph(files).items():
        for other in used:
            importers[other].add(name)
    small = [f for f in files if f.name != "__init__.py" and line_count(f) < SMALL]
    return {
        name: importer
        for name in map(module_name, small)
        for importer in importers[name]
        if len(importers[name]) == 1 and _beginning(name, 1) == _beginning(importer, 1)
    }


def basenames_twice() -> dict[str, list[str]]:
    """The names of files that stand more than once, `__init__.py` and node files excepted."""
    files = [file for file in [*python_files(), *web_files()] if file.name != "__init__.py"]
    return _twice((file.name, path_of(file)) for file in files if not _is_node(file))


def classes_twice() -> dict[str, list[str]]:
    """The public names that several classes of the product have, those of nodes excepted."""
    return _twice(
        (found.name, path_of(file))
        for file in python_files()
        for found in tree(file).body
        if isinstance(found, ast.ClassDef) and found.name[0] != "_" and not _is_node(file)
    )


def product_lines() -> Counter[str]:
    """The lines of the product by folder; "" is the pack's own `__init__.py`."""
    counted: Counter[str] = Counter()
    for file in [*python_files(), *web_files()]:
        counted[_top(file)] += line_count(file)
    return counted


def _loaded(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from _loaded(ast.Module([other], []))
        else:
            yield from _loaded(node)


def _module_of(dotted: str, names: Mapping[str, Path]) -> str | None:
    """The module that holds a dotted name: `api.wire.client` for `api.wire.client.Client`."""
    while dotted and dotted not in names:
        dotted = dotted.rpartition(".")[0]
    return dotted or None


def _is_node(file: Path) -> bool:
    return file.parent == PACK / "nodes"


def _top(file: Path) -> str:
    """The top folder of a file; "" for a file in the root."""
    return path_of(file).rpartition("/")[0].split("/")[0]


def path_of(file: Path) -> str:
    return file.relative_to(PACK).as_posix()


def _twice(found: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The names with more than one path, and their paths."""
    paths: dict[str, list[str]] = defaultdict(list)
    for name, path in found:
        paths[name].append(path)
    return {name: where for name, where in paths.items() if len(where) > 1}


def _beginning(name: str, depth: int) -> str:
    return ".".join(name.split(".")[:depth])


def _reached(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def main() -> None:
    lines = product_lines()
    files = Counter(_top(file) for file in [*python_files(), *web_files()])
    print(f"{'folder':<12}{'lines':>8}{'budget':>8}{'files':>7}")
    for folder, budget in BUDGETS.items():
        print(f"{folder:<12}{lines[folder]:>8,}{budget:>8,}{files[folder]:>7}")
    print(f"{'product':<12}{lines.total():>8,}{PRODUCT_BUDGET:>8,}{files.total():>7}")
    lengths = [line_count(file) for file in python_files()]
    print(f"\n{len(lengths)} Python files, median {median(lengths):g} lines\n")
    shapes = {folder: folder_shape(folder) for folder in ("api/money", "api/wire")}
    for name, part in {"api": api_shape(), **shapes}.items():
        print(f"{name:<10} {part.rooms} rooms, {part.floors} floors, {part.arrows} arrows")
    _list(f"files under {SMALL} lines with one importer", lonely_rooms().items())
    _list("names of files that stand twice", basenames_twice().items())
    _list("names of public classes that stand twice", classes_twice().items())


def _list(title: str, rows: Iterable[tuple[str, str | list[str]]]) -> None:
    rows = list(rows)
    print(f"\n{len(rows)} {title}")
    for name, where in rows:
        print(f"  {name}: {where if isinstance(where, str) else ', '.join(where)}")


if __name__ == "__main__":
    main()
