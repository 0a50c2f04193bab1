"""What the Registry will say about the archive, and the reasons that the pack gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ...scripts.lib import pack
from . import check

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture(scope="module")
def files() -> list[str]:
    try:
        return check.archive()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this folder is no git checkout: {error}")


def test_every_hit_has_its_reason_and_every_reason_its_hit(files: list[str]) -> None:
    found = {(hit.rule, hit.file) for hit in check.hits(pack.ROOT, files)}
    known = check.reasons(check.PAGE.read_text("utf-8"))
    assert found == set(known)
    assert all(len(reason) > 10 for reason in known.values())


def test_no_file_executes_code_or_starts_a_program(files: list[str]) -> None:
    forbidden = {
        "python_command_injection_risk",
        "python_dynamic_execution",
        "python_bytecode_manipulation",
        *check.RUFF,
    }
    code = [name for name in files if not name.endswith(".md")]
    assert not [hit for hit in check.hits(pack.ROOT, code) if hit.rule in forbidden]


TOKENS = {
    "python_network_operations": [
        "db.connect(path)",
        "graph.connect (a, b)",
        "f.bind(this)",
        "socket.send(b'')",
        "await http.sendall(x)",
        "aiohttp.ClientSession()",
        "urlopen(url)",
    ],
    "python_environment_manipulation": ["os.environ.get('A')", "environ['A']", "os.getenv('A')"],
    "python_command_injection_risk": ["import subprocess", "os.system('ls')"],
    "python_dynamic_execution": ["eval(text)", "mx.eval(x)", "exec(code)", "__import__('os')"],
    "python_bytecode_manipulation": ["pickle.loads(x)", "marshal.loads(x)"],
    "contains_blacklisted_url": ["https://raw.githubusercontent.com/a/b"],
    "contains_rm_rf": ["rm -rf /"],
    "import_cryptography": ["from cryptography import x509"],
    "SUSP_SVG_Onload_Onerror": ["<svg width='1' onload='x()'>"],
    "prohibited-string": ['"auth_token_comfy_org"'],
    check.CP1252: ["# \u2192"],
    "S102": ["exec('x')  # noqa: S102"],
    "S307": ["eval('x')"],
    "E702": ["a = 1; b = 2"],
}


@pytest.mark.parametrize("rule", TOKENS)
def test_a_token_is_found(rule: str, tmp_path: Path) -> None:
    for token in TOKENS[rule]:
        (tmp_path / "x.py").write_text(f'"""A file."""\n\n{token}\n', "utf-8")
        found = {hit.rule: hit.line for hit in check.hits(tmp_path, ["x.py"])}
        assert found.get(rule) == 3, token


def test_every_rule_is_tried() -> None:
    assert set(TOKENS) == {*check.RULES, *check.RUFF, check.CP1252}


def test_pages_and_pictures_are_read_and_other_words_are_no_hit(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("Call `db.connect(path)`.\n", "utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff\xfe.connect(")
    (tmp_path / "good.py").write_text("evaluate(1)\nconnected(2)\nsend = 3\n", "utf-8")
    found = check.hits(tmp_path, ["page.md", "picture.png", "good.py"])
    assert [(hit.rule, hit.file) for hit in found] == [("python_network_operations", "page.md")]


def test_the_archive_is_what_git_knows_less_comfyignore(tmp_path: Path) -> None:
    for name in ("a.py", "tests/t.py", "docs/d.md", "new.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("", "utf-8")
    (tmp_path / ".comfyignore").write_text("tests/\n.comfyignore\n", "utf-8")
    try:
        for command in (["init", "-q"], ["add", "a.py", "tests", "docs", ".comfyignore"]):
            subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    except OSError:
        pytest.skip("git is not installed")
    assert check.archive(tmp_path) == ["a.py", "docs/d.md"]


def test_open_fields_are_named() -> None:
    project = tomllib.loads((pack.ROOT / "pyproject.toml").read_text("utf-8"))
    found = check.missing(project)
    # The publisher enters these; the range of the frontend has its reason on the page.
    rest = [line for line in found if check.PLACEHOLDER not in line]
    assert [line.split()[0] for line in rest] == ["tool.comfy.PublisherId", "project.dependencies"]
    project["tool"]["comfy"]["PublisherId"] = "someone"
    del project["project"]["urls"]["Documentation"]
    assert "project.urls.Documentation is empty: enter it." in check.missing(project)
