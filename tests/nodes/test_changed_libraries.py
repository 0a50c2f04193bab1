"""A library that changed: one sentence on the node that needs it, and the other nodes go on."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ...api.base.errors import GatewayError
from ...scripts.lib.pack import ROOT
from ..audio import make

TESTED = "it is known to work with"


def plant(folder: Path, package: str, version: str, change: str = "") -> Path:
    """A folder for the module path in which `package` is of `version` and `change` has run."""
    told = folder / f"{package.replace('-', '_')}-{version}.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (folder / "sitecustomize.py").write_text(textwrap.dedent(change))
    return folder


@pytest.fixture
def explained(nodes: ModuleType) -> Any:
    return importlib.import_module(f"{nodes.__name__}.error_report").explained


def sound() -> dict[str, Any]:
    import torch

    return {"waveform": torch.from_numpy(make.music(1.0))[None], "sample_rate": 44100}


def an_older_signature(file: Any, mode: str = "r", format: str | None = None) -> None:
    raise AssertionError("the call does not fit")


async def test_a_call_that_a_new_version_refuses_is_one_sentence(
    node: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import av

    monkeypatch.syspath_prepend(str(plant(tmp_path / "new", "av", "27.1.0")))
    monkeypatch.setattr(av, "open", an_older_signature)
    with pytest.raises(GatewayError, match=f"The package av 27.1.0 .*TypeError.*{TESTED} 16") as it:
        await node["AIGatewayVisualize"].execute(audio=sound(), width=64, height=64)
    assert "\n" not in str(it.value)


async def test_an_error_with_a_tested_version_stays_as_it_is(
    node: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import av

    monkeypatch.setattr(av, "open", an_older_signature)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        await node["AIGatewayVisualize"].execute(audio=sound(), width=64, height=64)


def test_a_name_that_is_gone_is_traced_to_its_library(
    explained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import soxr

    from ...audio.samples.resample import Resampler

    monkeypatch.syspath_prepend(str(plant(tmp_path / "new", "soxr", "2.0")))
    monkeypatch.delattr(soxr, "ResampleStream")
    with pytest.raises(AttributeError) as raised:
        Resampler(44100, 48000, 2)
    assert f"soxr 2.0 does not work as this pack calls it (AttributeError: {raised.value})" in str(
        explained(raised.value)
    )


def test_a_library_that_cannot_be_imported_is_named_whatever_its_version(explained: Any) -> None:
    with pytest.raises(ImportError) as raised:
        from soundfile import Nothing  # type: ignore[attr-defined] # noqa: F401
    assert f"The package soundfile {importlib.import_module('soundfile').__version__} does" in str(
        explained(raised.value)
    )


def test_an_error_of_the_pack_itself_is_not_put_on_a_library(explained: Any) -> None:
    for wrong in (lambda: len(5), lambda: None.nothing, lambda: int("x")):  # type: ignore
        with pytest.raises((TypeError, AttributeError, ValueError)) as raised:
            wrong()
        assert explained(raised.value) is raised.value


def test_the_oldest_versions_are_those_of_the_requirements(nodes: ModuleType) -> None:
    libraries = importlib.import_module(f"{nodes.__name__}.library_errors").LIBRARIES
    bounds = {}
    for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines():
        name, _, bound = line.partition(";")[0].partition(">=")
        bounds[name.strip()] = f"{bound.strip()}.0.0"
    ours = [library for library in libraries if "torch" not in library.package]
    assert len(ours) > 5
    for library in ours:
        assert bounds[library.package].startswith(library.oldest), library


CHANGES = {
    "av": """
        import av
        real = av.open
        av.open = lambda file, mode=None, format=None: real(file, mode, format)
    """,
    "soundfile": "import soundfile; del soundfile.SoundFile",
    "soxr": "import soxr; del soxr.ResampleStream",
    "torchaudio": "from torchaudio import functional; del functional.melscale_fbanks",
}
NEEDS = {"av": "SaveAudio", "soundfile": "SaveAudio ", "soxr": "Beats", "torchaudio": "Beats"}
SCRIPT = """
import asyncio, importlib, json, sys
from pathlib import Path
sys.path.insert(0, {parent!r})
headless = importlib.import_module({pack!r} + ".scripts.lib.headless")
folder = Path({folder!r})
headless.configure(folder / "output", folder / "host")
async def main():
    import torch
    torch.manual_seed(1)
    audio = {{"waveform": torch.rand(1, 2, 88200) - 0.5, "sample_rate": 44100}}
    calls = {{
        "SaveAudio": dict(audio=audio, filename_prefix="a", format={{"format": "mp3"}}),
        "SaveAudio ": dict(audio=audio, filename_prefix="b", format={{"format": "flac"}}),
        "Beats": dict(audio=audio),
        "MusicLength": dict(frames=48, fps=24.0),
    }}
    nodes = await headless.load_nodes()
    told = {{}}
    for name, inputs in calls.items():
        try:
            kind = nodes["AIGateway" + name.strip()]
            kind = kind.PREPARE_CLASS_CLONE({{"hidden_inputs": {{}}}})
            await kind.EXECUTE_NORMALIZED_ASYNC(**inputs)
            told[name] = "ran"
        except Exception as error:
            told[name] = f"{{type(error).__name__}}: {{error}}"
    print(json.dumps(told))
asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("package", CHANGES)
def test_the_pack_loads_and_the_nodes_that_do_not_need_the_library_work(
    package: str, tmp_path: Path
) -> None:
    new = plant(tmp_path / "new", package, "99.0", CHANGES[package])
    script = SCRIPT.format(parent=str(ROOT.parent), pack=ROOT.name, folder=str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": str(new), "AIGATEWAY_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    sentence = f"The package {package} 99.0 does not work"
    assert sentence in told[NEEDS[package]], told
    assert "known to work" in told[NEEDS[package]], told
    assert told["MusicLength"] == "ran", told
    assert all(one == "ran" or sentence in one for one in told.values()), told
