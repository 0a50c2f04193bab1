"""What ComfyUI's Registry says about the archive: `python3 scripts/registry_check.py`.

The Registry scans the text of every published file for tokens, and a version with one hit waits for
a person's review. This check builds the same archive and finds the hits beforehand. The table
"What a scanner finds" in docs/privacy-and-network.md has the reason of each hit.

The tokens are those that the Registry has published as reasons of flagged versions, at
`https://api.comfy.org/nodes/<id>/versions?include_status_reason=true`. It scans comments and pages
too, so this check leaves nothing out.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...scripts.lib import pack

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RULES = {
    "python_network_operations": r"\.(?:connect|bind|send|sendall|recv)\s*\("
    r"|aiohttp\s*\.\s*ClientSession|socket\.(?:socket|create_connection)\s*\("
    r"|urllib\.request|\burlopen\s*\(|\brequests\.(?:get|post|request)\s*\(|http\.client",
    "python_environment_manipulation": r"os\.(?:environ|putenv|unsetenv)\b|environ\[|getenv\s*\(",
    "python_command_injection_risk": r"os\.(?:system|popen)\s*\(|import subprocess|subprocess\.",
    "python_dynamic_execution": r"\b(?:eval|exec)\s*\(|__import__\s*\(",
    "python_bytecode_manipulation": r"\bmarshal\.|py_compile|import pickle|pickle\.loads?\b",
    "contains_blacklisted_url": r"://raw\.githubusercontent\.com",
    "contains_rm_rf": r"rm -rf",
    "import_cryptography": r"(?:import|from) cryptography",
    "SUSP_SVG_Onload_Onerror": r"<svg[^>]*\son(?:load|error)\s*=",
    "prohibited-string": r"auth_token_comfy_org",
}
RUFF = ("S102", "S307", "E702")
"""What `comfy node validate` asks of ruff: exec, eval, two statements on a line."""
CP1252 = "characters outside cp1252"
"""Tools on Windows read a Python file in the system's encoding."""

PAGE = pack.ROOT / "docs" / "privacy-and-network.md"
TITLE = "## What a scanner finds"
PLACEHOLDER = "OWNER"

FIELDS = (
    "project.name",
    "project.version",
    "project.description",
    "project.requires-python",
    "project.license",
    "project.urls.Repository",
    "project.urls.Documentation",
    "project.urls.Bug Tracker",
    "project.urls.Issues",
    "tool.comfy.PublisherId",
    "tool.comfy.DisplayName",
    "tool.comfy.Icon",
    "tool.comfy.Banner",
    "tool.comfy.requires-comfyui",
)
FRONTEND = "comfyui-frontend-package"


class Hit(NamedTuple):
    """A rule that a file of the archive meets."""

    rule: str
    file: str
    line: int
    text: str


def tracked(root: Path = pack.ROOT) -> list[str]:
    """The files that git knows. Raises as `archive`."""
    return _git(root, "ls-files", "-z")


def archive(root: Path = pack.ROOT) -> list[str]:
    """The files of a published version: those that git knows, less those in `.comfyignore`.

    Raises subprocess.CalledProcessError if `root` is no git checkout.
    """
    names = tracked(root)
    excludes = ("-c", f"core.excludesFile={root / '.comfyignore'}")
    wanted = ("check-ignore", "--no-index", "-z", "--stdin")
    ignored = set(_git(root, *excludes, *wanted, text="\0".join(names)))
    return [name for name in names if name not in ignored]


def hits(root: Path, files: list[str]) -> list[Hit]:
    """Every hit, the first of each rule in each file, as the Registry counts them."""
    found: list[Hit] = []
    for name in files:
        try:
            text = (root / name).read_text("utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        found += _in_text(name, text)
    return sorted([*found, *_ruff(root, [name for name in files if name.endswith(".py")])])


def _in_text(name: str, text: str) -> Iterator[Hit]:
    patterns = dict(RULES)
    if name.endswith(".py"):
        outside = {character for character in text if not _in_cp1252(character)}
        patterns[CP1252] = "|".join(map(re.escape, sorted(outside))) or r"(?!)"
    for rule, pattern in patterns.items():
        match = re.search(pattern, text)
        if match:
            line = text.count("\n", 0, match.start()) + 1
            yield Hit(rule, name, line, match.group())


def _in_cp1252(character: str) -> bool:
    return bool(character.encode("cp1252", "ignore"))


def _ruff(root: Path, files: list[str]) -> Iterator[Hit]:
    # Without the exceptions in pyproject.toml and in comments, which the Registry does not know.
    rules = ("--isolated", "--ignore-noqa", "--no-cache", "--select", ",".join(RUFF))
    shown = ("--output-format", "concise", "--exit-zero", "--quiet")
    command = [sys.executable, "-m", "ruff", "check", *rules, *shown, *files]
    output = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    for name, line, rule, text in re.findall(r"^(.+?):(\d+):\d+: (\w+) (.*)$", output, re.M):
        yield Hit(rule, name.replace("\\", "/"), int(line), text)


def reasons(page: str) -> dict[tuple[str, str], str]:
    """The reason of each (rule, file) in the table of a page."""
    _, _, section = page.partition(TITLE)
    section = re.split(r"^## ", section, maxsplit=1, flags=re.M)[0]
    rows = re.findall(r"^\| (.+?) \| `(.+?)` \| (.+?) \|$", section, re.M)
    return {(rule.strip("`"), file): reason for rule, file, reason in rows}


def missing(project: dict[str, Any]) -> list[str]:
    """What pyproject.toml lacks for the Registry, one sentence each."""
    found: list[str] = []
    for field in FIELDS:
        value: Any = project
        for part in field.split("."):
            value = value.get(part, {}) if isinstance(value, dict) else {}
        if not value:
            found.append(f"{field} is empty: enter it.")
        elif isinstance(value, str) and PLACEHOLDER in value:
            found.append(f"{field} names {PLACEHOLDER}: enter the owner of the repository.")
    if not any(word.startswith(FRONTEND) for word in project["project"].get("dependencies", [])):
        found.append(f"project.dependencies has no range of {FRONTEND}: see {PAGE.name}.")
    return found


def _git(root: Path, *arguments: str, text: str = "") -> list[str]:
    done = subprocess.run(
        ["git", *arguments], cwd=root, input=text, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode > 1:  # 1: `check-ignore` found nothing
        done.check_returncode()
    return [name for name in done.stdout.split("\0") if name]


def main() -> int:
    """Print the hits and their reasons. 1: a hit has no reason, or a field is missing."""
    parser = argparse.ArgumentParser(
        prog="registry_check.py",
        description="Print every hit of the Registry's scanner in the archive, with its reason.",
    )
    parser.add_argument(
        "--publish", action="store_true", help="fail while pyproject.toml has a placeholder"
    )
    options = parser.parse_args()
    files = archive()
    known = reasons(PAGE.read_text("utf-8"))
    found = hits(pack.ROOT, files)
    print(f"{len(files)} files in the archive, {len(found)} hits")
    unexplained = 0
    for hit in found:
        reason = known.get((hit.rule, hit.file), "NO REASON")
        unexplained += reason == "NO REASON"
        print(f"  {hit.file}:{hit.line} {hit.rule} {hit.text!a}: {reason}")
    fields = missing(tomllib.loads((pack.ROOT / "pyproject.toml").read_text("utf-8")))
    print(f"{len(fields)} fields of pyproject.toml are open")
    for sentence in fields:
        print(f"  {sentence}")
    open_fields = [sentence for sentence in fields if FRONTEND not in sentence]
    return int(bool(unexplained) or (options.publish and bool(open_fields)))
