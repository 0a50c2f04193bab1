from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ...scripts.lib import environment, locks, pack
from ...scripts.lib.environment import SetupError, explain, make, python_complaint, uv_variables

SCRIPTS = pack.ROOT / "scripts"
ARGUMENTS = ["-r", "requirements.txt"]


class Commands(list[list[str]]):
    """Every command that would have run. Each succeeds if its program exists.

    Attributes:
        fails: says of a command whether it fails all the same; it may raise.
    """

    fails: Callable[[list[str]], bool] = staticmethod(lambda command: False)

    def run(self, command: Sequence[str], **options: object) -> CompletedProcess[bytes]:
        self.append(list(command))
        if "venv" in command:
            python = environment.python_of(Path(command[-1]))
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
        failed = not Path(command[0]).exists() or self.fails(list(command))
        return CompletedProcess(command, int(failed), b"")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Commands:
    made = Commands()
    monkeypatch.setattr(environment.subprocess, "run", made.run)
    return made


def installs(calls: Commands) -> list[list[str]]:
    return [call for call in calls if call[1:5] == ["-m", "uv", "pip", "install"]]


def test_a_finished_environment_runs_nothing(tmp_path: Path, calls: Commands):
    make(tmp_path / ".venv", "run", ARGUMENTS, ["httpx"])
    assert len(installs(calls)) == 1
    calls.clear()
    assert make(tmp_path / ".venv", "run", ARGUMENTS, ["httpx"]).is_file()
    assert calls == []


def test_changed_requirements_install_again(tmp_path: Path, calls: Commands):
    make(tmp_path / ".venv", "run", ARGUMENTS, ["httpx"])
    calls.clear()
    make(tmp_path / ".venv", "run", ARGUMENTS, ["httpx>=1"])
    assert len(installs(calls)) == 1
    assert "--reinstall" not in installs(calls)[0]


def test_an_interrupted_installation_is_written_anew(tmp_path: Path, calls: Commands):
    def interrupted(command: list[str]) -> bool:
        if installs(Commands([command])):
            raise KeyboardInterrupt
        return False

    calls.fails = interrupted
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / ".venv", "run", ARGUMENTS, ["httpx"])
    calls.fails = lambda command: False
    make(tmp_path / ".venv", "run", ARGUMENTS, ["httpx"])
    assert "--reinstall" in installs(calls)[-1]


def test_a_broken_environment_is_made_from_scratch(tmp_path: Path, calls: Commands):
    calls.fails = lambda command: "-c" in command and not any("--clear" in call for call in calls)
    make(tmp_path / ".venv", "run", ARGUMENTS, [])
    made = [call[3:] for call in calls if call[1:3] == ["-m", "venv"]]
    assert made == [[str(tmp_path / ".venv")], ["--clear", str(tmp_path / ".venv")]]


def test_no_ensurepip_names_the_package(
    tmp_path: Path, calls: Commands, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"apt install python3\.\d+-venv"):
        make(tmp_path / ".venv", "run", ARGUMENTS, [])


def test_uv_itself_is_installed_by_its_hash(tmp_path: Path, calls: Commands):
    make(tmp_path / ".venv", "run", ARGUMENTS, [])
    (by_pip,) = [call for call in calls if call[1:4] == ["-m", "pip", "install"]]
    assert by_pip[-3:] == ["--require-hashes", "-r", str(locks.path_of("uv"))]


def test_another_uv_installs_again(
    tmp_path: Path, calls: Commands, monkeypatch: pytest.MonkeyPatch
):
    make(tmp_path / ".venv", "run", ARGUMENTS, [])
    calls.clear()
    (tmp_path / "uv.txt").write_text("uv==99.0.0\n")
    monkeypatch.setattr(locks, "FOLDER", tmp_path)
    make(tmp_path / ".venv", "run", ARGUMENTS, [])
    assert len(installs(calls)) == 1


def test_an_unwritable_place_is_one_sentence(tmp_path: Path, calls: Commands):
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(SetupError) as refused:
        make(place / ".venv", "run", ARGUMENTS, [])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("  × Failed to fetch\n  ╰─▶ dns error: failed to lookup", "cannot be reached"),  # noqa: RUF001
        ("NewConnectionError('Temporary failure in name resolution')", "cannot be reached"),
        ("  × No solution found\n  ╰─▶ Because you need Python 3.99", "you need Python 3.99"),  # noqa: RUF001
        ("", "it said nothing"),
    ],
)
def test_a_failure_is_one_sentence_that_says_what_to_do(output: str, said: str):
    sentence = explain("Installing", output)
    assert said in sentence
    assert sentence.startswith("Installing failed")
    assert "run this command again" in sentence
    assert "\n" not in sentence


def test_uv_is_told_what_pip_was_told():
    listing = "\n".join(
        [
            ":env:.index-url='https://mirror.example/simple'",
            "global.index-url='https://other.example/simple'",
            "global.extra-index-url='https://a.example https://b.example'",
            "install.find-links='/wheels /more'",
            "global.cert='/ca.pem'",
        ]
    )
    assert uv_variables(listing, {}) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/ca.pem",
    }


def test_what_uv_was_told_itself_stays():
    listing = "global.index-url='https://pip.example'\nglobal.cert='/pip.pem'"
    assert uv_variables(listing, {"UV_INDEX_URL": "x", "SSL_CERT_FILE": "/own.pem"}) == {}


def test_an_old_python_gets_one_sentence():
    said = python_complaint((3, 9), "/usr/bin/python3")
    assert said is not None
    assert said.startswith("Python 3.10 or newer is needed, this is 3.9 at /usr/bin/python3")
    assert python_complaint((3, 10), "python") is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["demo.py", "test.py", "lock.py", "lib/environment.py", "lib/locks.py", "lib/pack.py"],
)
def test_what_runs_before_the_environment_stands_loads_on_an_old_python(name: str):
    source = (SCRIPTS / name).read_text("utf-8")
    ast.parse(source, feature_version=(3, 8))
    imported = {
        alias.name.split(".")[0]
        for node in ast.parse(source).body
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").split(".")[0]
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom) and not node.level
    }
    assert imported <= set(sys.stdlib_module_names) | {"lib"}


def test_help_needs_no_environment(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-S", str(SCRIPTS / "demo.py"), "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "--comfyui" in done.stdout
