"""What help pages and README say an error says, beside the error that is really raised.

Each fault below is provoked through the nodes. A row of a page is stale where no fault says it.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import ssl
import wave
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ...api.base.errors import DownloadError, GatewayError
from ...api.library import Library
from ...api.money.sqlite import FILE_NAME
from ...api.settings import load as load_settings
from ...api.wire.http import certificate_fault, proxy_for
from ...api.wire.protocol import ErrorBody
from ...api.wire.status_errors import status_error
from ...music.ctc_models import MODELS
from ...sandbox.server import Sandbox
from ...scripts.lib import pack
from ..music.pieces import clicks
from ..videos import Unsaveable, VideoFromFile
from .test_nodes import Node, load, run, submit

pytestmark = pytest.mark.usefixtures("host_with_videos")

ROOT = Path(__file__).parents[2]


ENGLISH = next(iter(MODELS.values()))
LOUD = {"waveform": torch.full((1, 2, 4800), 1.5), "sample_rate": 48000}
Fault = Callable[[Node, Sandbox], Awaitable[Any]]


def moving_gif() -> BytesIO:
    images = [Image.new("RGB", (64, 48), (60 * number, 0, 0)) for number in range(4)]
    out = BytesIO()
    images[0].save(out, "GIF", save_all=True, append_images=images[1:], duration=100)
    return out


def prompting(prompt: str = "piano", **changes: Any) -> Fault:
    async def fault(node: Node, sandbox: Sandbox) -> Any:
        return await submit(node, prompt, **changes)

    return fault


def polling(prompt: str = "piano", **inputs: Any) -> Fault:
    async def fault(node: Node, sandbox: Sandbox) -> Any:
        job, _ = await submit(node, prompt)
        return await run(node, "PollJob", job=job, **inputs)

    return fault


def polling_id(job_id: str | None = None) -> Fault:
    async def fault(node: Node, sandbox: Sandbox) -> Any:
        return await run(node, "PollJob", **({"job_id": job_id} if job_id else {}))

    return fault


async def polling_elsewhere(node: Node, sandbox: Sandbox) -> Any:
    job, _ = await submit(node)
    os.environ["AIGATEWAY_BASE_URL"] = "http://127.0.0.1:1"  # the fixture `sandbox` restores it
    return await run(node, "PollJob", job=job)


def loading(url: str) -> Fault:
    async def fault(node: Node, sandbox: Sandbox) -> Any:
        return await load(node, url)

    return fault


def loading_track(prompt: str) -> Fault:
    async def fault(node: Node, sandbox: Sandbox) -> Any:
        job, _ = await submit(node, prompt)
        return await load(node, (await run(node, "PollJob", job=job))[0])

    return fault


def saving(audio: Any, prefix: str = "audio/test", format: str = "wav", **inputs: Any) -> Fault:
    async def fault(node: Node, sandbox: Sandbox) -> Any:
        choice = {"format": format}
        return await run(
            node, "SaveAudio", audio=audio, filename_prefix=prefix, format=choice, **inputs
        )

    return fault


def with_samples(waveform: torch.Tensor) -> dict[str, Any]:
    return {"waveform": waveform, "sample_rate": 48000}


def running(name: str, **inputs: Any) -> Fault:
    async def fault(node: Node, sandbox: Sandbox) -> Any:
        return await run(node, name, **inputs)

    return fault


def singing(size: int | None = None, **inputs: Any) -> Fault:
    """Timed Lyrics beside a model file of zeros; None: there is no file."""

    async def fault(node: Node, sandbox: Sandbox) -> Any:
        folders = importlib.import_module("folder_paths")
        folder = Path(folders.get_temp_directory()) / "audio_encoders"
        folder.mkdir(exist_ok=True)
        folders.folder_names_and_paths["audio_encoders"] = ([str(folder)], {".pt", ".pth"})
        if size is not None:
            with (folder / ENGLISH.file).open("wb") as file:
                file.truncate(size)
        asked = {"audio": MUSIC, "lyrics": "one two", **inputs}
        return await run(node, "TimedLyrics", **asked)

    return fault


def transcribing(lyrics: str) -> Fault:
    """Timed Lyrics asks about a sketch with these lyrics."""

    async def fault(node: Node, sandbox: Sandbox) -> Any:
        job, _ = await submit(node, lyrics=lyrics)
        audio = (await load(node, (await run(node, "PollJob", job=job))[0]))[0]
        return await run(node, "TimedLyrics", audio=audio, lyrics="one", method="ask")

    return fault


def taking(prompt: str = "piano", **inputs: Any) -> Fault:
    return running("Takes", prompt=prompt, duration=5.0, **{"format": "wav", **inputs})


BROKEN = VideoFromFile(BytesIO(b"\x81\x00no video" * 100))
GIF = VideoFromFile(moving_gif())
CLIP = VideoFromFile(str(pack.ROOT / "example_workflows" / "clip.mp4"))
SHORT = {"MAX_AUDIO_MINUTES": "0.01"}
MUSIC = with_samples(torch.rand(1, 2, 4 * 48000, generator=torch.Generator().manual_seed(1)) * 0.1)
BEAT = with_samples(torch.from_numpy(clicks(np.arange(1, 24) * 0.5, 12.0, 48000))[None])
CUT = with_samples(BEAT["waveform"][..., : 48 * 11520])
SILENCE = with_samples(torch.zeros(1, 2, 4 * 48000))
NINE = with_samples(torch.zeros(1, 9, 48000))
IMAGES = torch.zeros(3, 4, 4, 3)


def describing(**inputs: Any) -> Fault:
    return running("DescribeClip", **{"images": IMAGES, "fps": 24.0, **inputs})


def wav() -> bytes:
    """A sound file of a tenth of a second."""
    with wave.open(file := BytesIO(), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(1600))
    return file.getvalue()


def reading_cues(table: str = "", content: bytes = b"", file: str = "none") -> Fault:
    async def fault(node: Node, sandbox: Sandbox) -> Any:
        folder = Path(importlib.import_module("folder_paths").get_input_directory())
        await asyncio.to_thread((folder / "cues.csv").write_bytes, content)
        return await run(node, "CueSheet", table=table, file=file)

    return fault


def reading_receipt(file: str) -> Fault:
    async def fault(node: Node, sandbox: Sandbox) -> Any:
        folder = Path(importlib.import_module("folder_paths").get_input_directory())
        await asyncio.to_thread((folder / "text.txt").write_text, "no audio")
        return await run(node, "ReadReceipt", file=file)

    return fault


# Node: for each row of its page in order, the environment and the fault that says it.
FAULTS: dict[str, list[tuple[dict[str, str], Fault]]] = {
    "AIGatewayPromptToMusic": [
        ({}, prompting("")),
        ({}, prompting(duration=500.0)),
        ({"MODE": "live", "BASE_URL": "", "API_KEY": ""}, prompting()),
        ({"SPEND_LIMIT_PER_RUN": "0.0001"}, prompting()),
        ({}, prompting(model="nobody/knows-it")),
        ({"API_KEY": "sk-aig-wrong"}, prompting("sandbox:401")),
        ({}, prompting("sandbox:401")),
        ({}, prompting("sandbox:402")),
        ({}, prompting("sandbox:403")),
        ({"UNCERTAIN_LIMIT": "0"}, prompting("sandbox:504=9")),
        ({}, prompting("sandbox:drop sandbox:listed")),
        ({"BASE_URL": "http://127.0.0.1:1"}, prompting()),
        ({}, prompting("sandbox:503=99")),
    ],
    "AIGatewayPollJob": [
        ({}, polling_id()),
        ({}, polling("sandbox:fail")),
        ({}, polling("sandbox:cancelled")),
        ({}, polling("sandbox:slow=60", timeout=1)),
        ({}, polling_id("job-that-nobody-made")),
        ({}, polling_elsewhere),
    ],
    "AIGatewayLoadAudioURL": [
        ({}, loading("ftp://example.org/a.mp3")),
        ({"MAX_DOWNLOAD_MB": "0.01"}, loading_track("piano")),
        ({"MAX_AUDIO_MINUTES": "0.01"}, loading_track("piano")),
        ({}, loading_track("sandbox:cut=99")),
        ({}, loading_track("sandbox:page")),
        ({}, loading("http://10.0.0.1/a.mp3")),
        ({"ONLY_HOSTS": "a.example"}, loading("https://8.8.8.8/a.mp3")),
        ({}, loading("/etc/song.mp3")),
        ({"MAX_RUN_GB": "0.0001"}, loading_track("piano")),
    ],
    "AIGatewaySaveAudio": [
        ({}, saving(None)),
        ({}, saving(with_samples(torch.zeros(1, 2, 0)))),
        ({}, saving(with_samples(torch.full((1, 2, 9), float("nan"))))),
        ({}, saving(LOUD, peaks="refuse")),
        ({}, saving(LOUD, prefix="../../elsewhere/x")),
        ({}, saving(LOUD, format="mp3", loop_length=100)),
        ({}, saving(LOUD, loop_start=100)),
        ({}, saving(LOUD, loop_length=10_000)),
        ({}, saving(MUSIC, markers="none")),
        ({}, saving(MUSIC, lyrics="la la")),
        ({}, saving(MUSIC, lyrics="[{}]")),
    ],
    "AIGatewayMusicLength": [
        ({}, running("MusicLength")),
        ({}, running("MusicLength", picture=IMAGES, fps=24.0, frames=4)),
        ({}, running("MusicLength", fps=24.0)),
        ({}, running("MusicLength", frames=24)),
        ({}, running("MusicLength", picture=IMAGES)),
        ({}, running("MusicLength", picture=IMAGES[:0], fps=24.0)),
        (SHORT, running("MusicLength", frames=240, fps=24.0)),
        ({}, running("MusicLength", frames=240, fps=24.0, keep=True, kept="ten")),
        ({}, running("MusicLength", frames=24, fps=24.0, hits="soon")),
    ],
    "AIGatewayFitMusic": [
        ({}, running("FitMusic", audio=MUSIC)),
        ({}, running("FitMusic", audio=MUSIC, frames=240, fps=24.0, seconds=30.0)),
        ({}, running("FitMusic", audio=MUSIC, frames=240)),
        ({"MAX_AUDIO_MINUTES": "1"}, running("FitMusic", audio=MUSIC, seconds=61.0)),
        ({}, running("FitMusic", audio=None, seconds=5.0)),
        ({}, running("FitMusic", audio=NINE, seconds=5.0)),
        ({}, running("FitMusic", audio=MUSIC, seconds=9.0, method="remix")),
        ({}, running("FitMusic", audio=MUSIC, seconds=9.0, method="stretch")),
        ({}, running("FitMusic", audio=MUSIC, seconds=5.0, fade_in=6.0)),
        ({}, running("FitMusic", audio=MUSIC, seconds=5.0, hits="soon")),
        ({}, running("FitMusic", audio=MUSIC, seconds=5.0, ending="last hit")),
    ],
    "AIGatewayAddSoundtrack": [
        ({}, running("AddSoundtrack", video=BROKEN, audio=MUSIC, mix="over")),
        ({}, running("AddSoundtrack", video=None, audio=MUSIC)),
        ({}, running("AddSoundtrack", video=GIF, audio=MUSIC)),
        ({}, running("AddSoundtrack", video=BROKEN, audio=MUSIC)),
        ({}, running("AddSoundtrack", video=Unsaveable(BROKEN), audio=MUSIC)),
        ({}, running("AddSoundtrack", video=CLIP, audio=MUSIC, subtitles="la la")),
        ({}, running("AddSoundtrack", video=BROKEN, audio=None)),
        ({}, running("AddSoundtrack", video=BROKEN, audio=NINE)),
        (SHORT, running("AddSoundtrack", video=CLIP, audio=MUSIC)),
    ],
    "AIGatewayBeats": [
        ({}, running("Beats", audio=MUSIC, fps=0.0)),
        ({}, running("Beats", audio=MUSIC, follow="mood")),
        ({}, running("Beats", audio=None)),
        (SHORT, running("Beats", audio=MUSIC, fps=24.0)),
    ],
    "AIGatewayVisualize": [
        ({}, running("Visualize", audio=MUSIC, look="dance")),
        ({}, running("Visualize", audio=MUSIC, width=321)),
        ({}, running("Visualize", audio=MUSIC, fps=0.0)),
        ({}, running("Visualize", audio=MUSIC, lyrics="la la")),
        (SHORT, running("Visualize", audio=MUSIC)),
    ],
    "AIGatewayMakeLoop": [
        ({}, running("MakeLoop", audio=MUSIC, min_seconds=3.9)),
        ({}, running("MakeLoop", audio=MUSIC, min_seconds=9.0)),
        ({}, running("MakeLoop", audio=SILENCE, min_seconds=1.0)),
        (SHORT, running("MakeLoop", audio=MUSIC, min_seconds=1.0)),
    ],
    "AIGatewayAlignFamily": [
        ({}, running("AlignFamily", audio=MUSIC, bars=1)),
        ({}, running("AlignFamily", audio=MUSIC, loudness="loud")),
        ({}, running("AlignFamily", audio=NINE)),
        (SHORT, running("AlignFamily", audio=MUSIC)),
    ],
    "AIGatewayLayers": [
        ({}, running("Layers", audio=MUSIC, crossover=5.0)),
        ({}, running("Layers", audio=MUSIC, loop_start=0, loop_length=10**8)),
        ({}, running("Layers", audio=MUSIC, loop_start=7)),
        ({}, running("Layers", audio=NINE)),
        (SHORT, running("Layers", audio=MUSIC)),
    ],
    "AIGatewayStinger": [
        ({}, running("Stinger", audio=MUSIC, seconds=9.0)),
        ({}, running("Stinger", audio=MUSIC, bars=17)),
        ({}, running("Stinger", audio=MUSIC, tail="start")),
        ({}, running("Stinger", audio=SILENCE)),
        ({}, running("Stinger", audio=MUSIC)),
        ({}, running("Stinger", audio=CUT, tail="ending")),
        (SHORT, running("Stinger", audio=MUSIC)),
    ],
    "AIGatewayTakes": [
        ({}, taking("")),
        ({}, taking(count=17)),
        ({"SPEND_LIMIT_PER_RUN": "0.0001"}, taking(count=4)),
        ({}, taking("sandbox:fail", count=2)),
        ({}, taking("sandbox:slow=60", count=1, timeout=1)),
    ],
    "AIGatewayCueSheet": [
        ({}, reading_cues()),
        ({}, reading_cues("piano,30")),
        ({}, reading_cues("prompt,seconds\npiano,30\npiano,500")),
        ({}, reading_cues("prompt,family\n90 bpm,a\n80 bpm,a")),
        ({}, reading_cues('prompt,name\n"piano,x')),
        ({}, reading_cues("prompt\n" + "piano\n" * 1001)),
        ({}, reading_cues(file="missing.csv")),
        ({}, reading_cues(file="cues.csv", content=b"prompt\n\xff\xfa")),
    ],
    "AIGatewayReadReceipt": [
        ({}, reading_receipt("")),
        ({}, reading_receipt("missing.flac")),
        ({}, reading_receipt("text.txt")),
    ],
    "AIGatewayShots": [
        ({}, running("Shots", audio=BEAT, count=900)),
        ({}, running("Shots", audio=MUSIC, min_seconds=3.0, max_seconds=2.0)),
        ({}, running("Shots", audio=MUSIC, fps=0.0)),
        ({}, running("Shots", audio=MUSIC, grid="3n")),
        ({}, running("Shots", audio=None)),
        (SHORT, running("Shots", audio=MUSIC)),
    ],
    "AIGatewayTimedLyrics": [
        ({}, singing(lyrics="[Verse]")),
        ({}, singing(lyrics="\ud83c")),
        ({}, singing()),
        ({}, singing(100)),
        ({}, singing(ENGLISH.size)),
        ({}, singing(audio=SILENCE)),
        ({"SPEND_LIMIT_PER_RUN": "0.00001"}, singing(method="ask")),
        ({"UNCERTAIN_LIMIT": "0"}, transcribing("sandbox:drop")),
        ({"LEDGER_URL": "postgresql://user:word@127.0.0.1:1/x"}, singing(method="ask")),
    ],
    "AIGatewayDescribeClip": [
        ({}, running("DescribeClip")),
        ({}, describing(video=CLIP)),
        ({}, describing(fps=0.0)),
        ({}, describing(wish="slow " * 1000)),
        ({}, describing(wish="\ud83c")),
        ({}, describing(method="ask", model="blind/model")),
        ({"SPEND_LIMIT_PER_RUN": "0.00001"}, describing(method="ask")),
        ({"UNCERTAIN_LIMIT": "0"}, describing(method="ask", wish="sandbox:drop")),
        ({"LEDGER_URL": "postgresql://user:word@127.0.0.1:1/x"}, describing(method="ask")),
        ({}, running("DescribeClip", video=VideoFromFile(BytesIO(wav())))),
        (SHORT, describing(fps=1.0)),
    ],
}


def rows(page: Path) -> list[str]:
    """The first column of the table below `What it says`."""
    table = re.split(r"^\| (?:What it says|提示) .*\n\|.*\n", page.read_text("utf-8"), flags=re.M)
    return re.findall(r"^\| (.+?) \|", table[1], re.MULTILINE)


def says(message: str, row: str) -> bool:
    """Whether the message has the row's words; `…` in the row stands for any text."""
    return bool(re.search(".*?".join(map(re.escape, row.split("…"))), message))


CASES = [(node, at) for node, faults in FAULTS.items() for at in range(len(faults))]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "at"), CASES)
async def test_a_row_of_the_help_is_what_the_node_says(
    name: str, at: int, node: Node, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, fault = FAULTS[name][at]
    for key, value in environment.items():
        monkeypatch.setenv(f"AIGATEWAY_{key}", value)
    with pytest.raises(Exception) as raised:  # noqa: PT011 (some are ComfyUI's own)
        await fault(node, sandbox)
    message = str(raised.value)
    for language in ("en", "zh"):
        page = ROOT / "web" / "docs" / name / f"{language}.md"
        row = rows(page)[at].split("\uff08")[0]
        assert says(message, row), f"{page}, row {at + 1}: “{row}”, but the node says: {message}"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", FAULTS)
def test_every_row_of_the_help_has_a_fault(name: str, language: str) -> None:
    assert len(rows(ROOT / "web" / "docs" / name / f"{language}.md")) == len(FAULTS[name])


README_FAULTS: dict[str, tuple[str, int]] = {
    "Set an API key to use the live gateway": ("AIGatewayPromptToMusic", 2),
    "The gateway does not accept the API key": ("AIGatewayPromptToMusic", 5),
    "The gateway wants an API key": ("AIGatewayPromptToMusic", 6),
    "The account has too little credit": ("AIGatewayPromptToMusic", 7),
    "This track costs about … over your limit": ("AIGatewayPromptToMusic", 3),
    "It is not known whether this track was bought": ("AIGatewayPromptToMusic", 9),
    "The gateway has charged … for this track": ("AIGatewayPromptToMusic", 10),
}


def a_folder_that_is_a_file(folder: Path) -> None:
    (folder / "file").write_bytes(b"")
    Library(folder / "file")


def a_damaged_ledger(folder: Path) -> None:
    (folder / FILE_NAME).write_bytes(b"no ledger " * 1000)
    Library(folder).ledger.check_may_spend("live", None)


def a_proxy_of_another_kind(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", "gopher://proxy.example")
        proxy_for("https://api.example/v1")


def a_foreign_certificate(folder: Path) -> None:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_code, error.verify_message = 18, "self-signed certificate"
    raise DownloadError(certificate_fault(error, "media.example"))


def settings_in_utf_16(folder: Path) -> None:
    (folder / "aigateway.toml").write_text('mode = "live"', encoding="utf-16")
    load_settings(folder, {})


def a_closed_gateway(folder: Path) -> None:
    raise status_error(429, ErrorBody(), retry_after=7200.0, key=None, job_id=None)


def a_missing_package(folder: Path) -> None:
    missing = importlib.import_module("...nodes.error_report", __package__)
    raise missing.explained(ModuleNotFoundError("No module named 'soxr'", name="soxr"))


OUTSIDE_NODES: dict[str, Callable[[Path], None]] = {
    "The package … is not installed in ComfyUI's Python": a_missing_package,
    "The ledger … cannot be used": a_folder_that_is_a_file,
    "The ledger … was damaged": a_damaged_ledger,
    "The environment variable … names the proxy …": a_proxy_of_another_kind,
    "The certificate of … is not signed by any of the certificates": a_foreign_certificate,
    "The settings file … is not in the encoding UTF-8": settings_in_utf_16,
    "… try again after …": a_closed_gateway,
}


@pytest.mark.parametrize("sentence", OUTSIDE_NODES)
async def test_the_readme_says_what_is_said_outside_of_nodes(
    sentence: str, nodes: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises((GatewayError, ImportError)) as raised:
        OUTSIDE_NODES[sentence](tmp_path)
    assert says(str(raised.value), sentence.rstrip(" …")), raised.value


def test_the_sentences_in_the_readme_are_those_of_the_help() -> None:
    """All are provoked above, but for the one of a ComfyUI that is too old."""
    text = (ROOT / "README.md").read_text("utf-8").split("## When something is wrong")[1]
    quoted = re.findall(r"^\| (.+?) \|", text, re.MULTILINE)[2:]
    said = [row for row in quoted if "0.8.0" not in row]
    assert said == [*README_FAULTS, *OUTSIDE_NODES]
    for sentence, (name, at) in README_FAULTS.items():
        assert rows(ROOT / "web" / "docs" / name / "en.md")[at].startswith(sentence), sentence
