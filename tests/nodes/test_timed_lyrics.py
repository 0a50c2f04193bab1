"""Timed Lyrics: from AUDIO and lyrics to LRC, and one sentence for each bad model file."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from aiohttp import web
from torchaudio.models import wav2vec2_model
from torchaudio.pipelines import Wav2Vec2ASRBundle

from ...api.base.errors import (
    DownloadError,
    InputError,
    SpendLimitError,
    UncertainSubmitError,
)
from ...api.base.models import DEFAULT_MODEL
from ...audio.arrays import MediaError
from ...music.ctc_models import MODELS, CtcModel
from ...sandbox.job_book import SketchRequest
from ...sandbox.server import Sandbox
from ...sandbox.transcription import Word, sung_words
from ..api.test_download import serving
from ..music.ctc.network import LABELS, WEIGHTS, SmallCtc
from ..music.test_word_times import SPEECH
from .test_nodes import Node, load, run, submit

TINY = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": [(32, 10, 5), (32, 3, 2), (32, 3, 2), (32, 2, 2), (32, 8, 8)],
    "extractor_conv_bias": False,
    "encoder_embed_dim": 32,
    "encoder_projection_dropout": 0.1,
    "encoder_pos_conv_kernel": 16,
    "encoder_pos_conv_groups": 4,
    "encoder_num_layers": 2,
    "encoder_num_heads": 2,
    "encoder_attention_dropout": 0.1,
    "encoder_ff_interm_features": 64,
    "encoder_ff_interm_dropout": 0.0,
    "encoder_dropout": 0.1,
    "encoder_layer_norm_first": False,
    "encoder_layer_drop": 0.05,
    "aux_num_out": 29,
}
"""A network of the same form as those of torchaudio, with 320 samples a frame, and few weights."""
FIRST = next(iter(MODELS))
ENGLISH = tuple("|ETAONIHSRDLUMWCFGYPBVK'XJQZ")


class SmallBundle:
    """The network of the tests, in the form of torchaudio's bundles."""

    def get_model(self, *, dl_kwargs: dict[str, Any]) -> torch.nn.Module:
        path = Path(dl_kwargs["model_dir"]) / dl_kwargs["file_name"]
        assert dl_kwargs["weights_only"]
        network = SmallCtc()
        saved = torch.load(path, weights_only=True)
        network.load_state_dict({name: value.float() for name, value in saved.items()})
        return network.eval()

    def get_labels(self) -> Sequence[str]:
        return LABELS


def model_of(bundle: str, content: bytes, url: str = "https://models.example/m.pt") -> CtcModel:
    return CtcModel(bundle, "m.pt", url, len(content), hashlib.sha256(content).hexdigest(), "en")


@pytest.fixture
def folder(tmp_path: Path, session: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ComfyUI's folder of audio encoders, empty. Each model of a test is the choice “test”."""
    folders = importlib.import_module("folder_paths")
    path = tmp_path / "models" / "audio_encoders"
    path.mkdir(parents=True)
    kinds = {**folders.folder_names_and_paths, "audio_encoders": ([str(path)], {".pt", ".pth"})}
    monkeypatch.setattr(folders, "folder_names_and_paths", kinds)
    monkeypatch.setattr(folders, "filename_list_cache", {}, raising=False)
    monkeypatch.setattr(torchaudio.pipelines, "SMALL", SmallBundle(), raising=False)
    monkeypatch.setitem(MODELS, "test", model_of("SMALL", WEIGHTS.read_bytes()))
    return path


def speech(name: str = "lantern") -> tuple[dict[str, Any], dict[str, Any]]:
    sound, rate = soundfile.read(SPEECH / f"{name}.ogg", dtype="float32")
    facts = json.loads((SPEECH / "speech.json").read_text("utf-8"))[name]
    return {"waveform": torch.from_numpy(sound)[None, None], "sample_rate": rate}, facts


async def timed(node: Node, **inputs: Any) -> SimpleNamespace:
    found = await node["AIGatewayTimedLyrics"].execute(**{"model": "test", **inputs})
    return SimpleNamespace(**dict(zip(("lrc", "srt", "words", "report"), found.args, strict=True)))


async def test_lyrics_become_lrc_subtitles_and_words(node: Node, folder: Path):
    (folder / "m.pt").write_bytes(WEIGHTS.read_bytes())
    audio, facts = speech()
    first, second = facts["lyrics"].split("\n")
    found = await timed(node, audio=audio, lyrics=f"[Verse]\n{first}\n\n{second}")
    words = json.loads(found.words)
    assert [word["word"] for word in words] == facts["lyrics"].split()
    errors = [
        abs(word["start"] - start)
        for word, start in zip(words, facts["starts"], strict=True)
        if start is not None
    ]
    assert np.median(errors) <= 0.06
    assert found.lrc.splitlines()[0].endswith(f"]{first}")
    assert f"\n{second}\n" in found.srt
    assert found.report == "100 % of the words were found, in 2 of 2 lines"


async def test_the_report_names_lines_that_are_not_sung(node: Node, folder: Path):
    (folder / "m.pt").write_bytes(WEIGHTS.read_bytes())
    audio, facts = speech()
    odd = "purple elephants are juggling"
    found = await timed(node, audio=audio, lyrics=f"{facts['lyrics']}\n{odd}")
    assert f"not sung: {odd}" in found.report
    assert "purple" not in found.lrc


async def test_the_report_names_a_line_that_is_sung_in_part(node: Node, folder: Path):
    (folder / "m.pt").write_bytes(WEIGHTS.read_bytes())
    audio, facts = speech()
    first, second = facts["lyrics"].split("\n")
    lyrics = f"{first} purple elephants juggling potatoes\n{second}"
    found = await timed(node, audio=audio, lyrics=lyrics)
    assert f"sung in part, 7 of 11 words found: {first} purple" in found.report
    assert "in 2 of 2 lines" in found.report


async def test_a_file_of_torchaudios_form_is_loaded(
    node: Node, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    bundle = Wav2Vec2ASRBundle("m.pt", TINY, _labels=ENGLISH, _sample_rate=16000,
                               _normalize_waveform=False, _model_type="Wav2Vec2")  # fmt: skip
    monkeypatch.setattr(torchaudio.pipelines, "TINY", bundle, raising=False)
    torch.manual_seed(1)
    state = wav2vec2_model(**TINY).state_dict()
    # The published files have three rows more, for labels that are never used.
    for name in ("aux.weight", "aux.bias"):
        state[name] = torch.cat([state[name][:1], state[name][:3], state[name][1:]])
    torch.save(state, folder / "m.pt")
    content = (folder / "m.pt").read_bytes()
    monkeypatch.setitem(MODELS, "test", model_of("TINY", content))
    audio, facts = speech()
    found = await timed(node, audio=audio, lyrics=facts["lyrics"])
    assert "% of the words were found" in found.report


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:-100], "cut short, or is another one"),
        (
            lambda content: content[:9999] + b"damaged" + content[10006:],
            "damaged, or of another network",
        ),
    ],
)
async def test_a_model_file_that_is_not_whole_is_one_sentence(
    node: Node, folder: Path, damage: Callable[[bytes], bytes], reason: str
):
    (folder / "m.pt").write_bytes(damage(WEIGHTS.read_bytes()))
    with pytest.raises(MediaError, match=reason):
        await timed(node, audio=speech()[0], lyrics="carry")


async def test_a_file_of_another_network_is_one_sentence(
    node: Node, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    torch.save({"weight": torch.zeros(3)}, folder / "m.pt")
    content = (folder / "m.pt").read_bytes()
    monkeypatch.setitem(MODELS, "test", model_of("SMALL", content))
    with pytest.raises(MediaError, match="does not hold the network SMALL"):
        await timed(node, audio=speech()[0], lyrics="carry")


async def test_without_the_file_the_sentence_names_file_address_and_folder(
    node: Node, folder: Path
):
    with pytest.raises(InputError) as raised:
        await timed(node, audio=speech()[0], lyrics="carry")
    for part in ("m.pt", "https://models.example/m.pt", str(folder), "turn on download"):
        assert part in str(raised.value)
    assert not os.listdir(folder)


async def test_bad_lyrics_are_refused_before_a_model_is_asked_for(node: Node, folder: Path):
    for lyrics in ("", "[Verse]\n[Chorus]", "x" * 20_001, "half \ud83d"):
        with pytest.raises(MediaError, match="The lyrics"):
            await timed(node, audio=speech()[0], lyrics=lyrics, download=True)


async def test_torchaudio_of_another_build_is_one_sentence(
    node: Node, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    (folder / "m.pt").write_bytes(WEIGHTS.read_bytes())
    monkeypatch.setitem(importlib.import_module("sys").modules, "torchaudio.pipelines", None)
    with pytest.raises(MediaError, match="torchaudio"):
        await timed(node, audio=speech()[0], lyrics="carry")


# The download


@pytest.fixture
def may_load(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of models of these tests is on this machine."""
    monkeypatch.setenv("AIGATEWAY_ALLOW_HOSTS", "127.0.0.0/8")


async def whole(request: web.Request) -> web.StreamResponse:
    """The file, or the part of it that is asked for."""
    content = WEIGHTS.read_bytes()
    wanted = request.headers.get("Range")
    if wanted is None:
        return web.Response(body=content)
    first = int(wanted.removeprefix("bytes=").rstrip("-"))
    about = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
    return web.Response(body=content[first:], status=206, headers=about)


async def half(request: web.Request) -> web.StreamResponse:
    """The first half of the file, and then a dropped connection."""
    content = WEIGHTS.read_bytes()
    answer = web.StreamResponse()
    answer.content_length = len(content)
    await answer.prepare(request)
    await answer.write(content[: len(content) // 2])
    request.transport.close()  # type: ignore[union-attr]
    return answer


async def test_a_download_that_breaks_goes_on_where_it_was_and_happens_once(
    node: Node, folder: Path, may_load: None, monkeypatch: pytest.MonkeyPatch
):
    answers = [half, whole]

    async def serve(request: web.Request) -> web.StreamResponse:
        return await answers.pop(0)(request)

    audio, facts = speech()
    async with serving(serve) as address:
        model = model_of("SMALL", WEIGHTS.read_bytes(), address.url)
        monkeypatch.setitem(MODELS, "test", model)
        for _ in range(2):
            await timed(node, audio=audio, lyrics=facts["lyrics"], download=True)
        ranges = [request.headers.get("Range", "") for request in address.requests]
    assert ranges[0] == ""
    assert 0 < int(ranges[1].removeprefix("bytes=").rstrip("-")) < model.size
    assert len(ranges) == 2
    assert (folder / "m.pt").read_bytes() == WEIGHTS.read_bytes()
    assert not [name for name in os.listdir(folder) if name.endswith(".part")]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"\0" * 50, 200, "has 50 bytes"),
        (bytes(reversed(WEIGHTS.read_bytes())), 200, "is not the model that this pack knows"),
        (b"", 404, "answered 404"),
    ],
)
async def test_another_file_at_the_address_is_refused(
    node: Node, folder: Path, may_load: None, monkeypatch: pytest.MonkeyPatch,
    body: bytes, status: int, reason: str,
):  # fmt: skip
    async def serve(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status)

    async with serving(serve) as address:
        model = model_of("SMALL", WEIGHTS.read_bytes(), address.url)
        monkeypatch.setitem(MODELS, "test", model)
        with pytest.raises(DownloadError, match=reason):
            await timed(node, audio=speech()[0], lyrics="carry", download=True)
    assert "m.pt" not in os.listdir(folder)


# The method ask

SONG = """[Verse]
Carry the lantern down to the water
let every window shine
[Chorus]
Sing it again, sing it with me"""


async def sketch(node: Node, lyrics: str = SONG) -> dict[str, Any]:
    """A sketch of the sandbox that sings `lyrics`."""
    job, _ = await submit(node, "slow ballad with voice", duration=24.0, lyrics=lyrics)
    url = (await run(node, "PollJob", job=job))[0]
    return (await load(node, url))[0]


def sung_in_sketch(sandbox: Sandbox, key: str) -> list[Word]:
    request = SketchRequest("slow ballad with voice", 24.0, SONG, "wav", DEFAULT_MODEL, key)
    return sung_words(request, SONG)


async def test_a_transcription_gives_the_times_of_a_sketch(node: Node, sandbox: Sandbox):
    audio = await sketch(node)
    before = sandbox.bill()["dollars"]
    found = [await timed(node, model=FIRST, audio=audio, lyrics=SONG, method="ask") for _ in "12"]
    words = json.loads(found[0].words)
    (job,) = sandbox.bill()["jobs"]
    truth = sung_in_sketch(sandbox, job["key"])
    assert [word["word"].strip(",") for word in words] == [word.word for word in truth]
    errors = [abs(w["start"] - t.start) for w, t in zip(words, truth, strict=True)]
    assert np.median(errors) <= 0.06
    assert "in 3 of 3 lines" in found[0].report
    assert found[0].words == found[1].words
    assert len(sandbox.bill()["answers"]) == 1
    assert sandbox.bill()["dollars"] - before == pytest.approx(0.0052 * 24 / 60)


async def test_a_line_that_the_sketch_does_not_sing_is_named(node: Node, sandbox: Sandbox):
    audio = await sketch(node)
    lyrics = f"{SONG}\nand nobody knows this line"
    found = await timed(node, model=FIRST, audio=audio, lyrics=lyrics, method="ask")
    assert "not sung: and nobody knows this line" in found.report
    assert "words by deepgram/nova-3: paid $0.002" in found.report


async def test_sound_that_is_no_sketch_has_no_words(node: Node, sandbox: Sandbox):
    found = await timed(node, model=FIRST, audio=speech()[0], lyrics=SONG, method="ask")
    assert found.report.startswith("0 % of the words were found, in 0 of 3 lines")
    assert found.lrc == ""


async def test_the_limit_of_a_run_refuses_a_transcription(
    node: Node, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIGATEWAY_SPEND_LIMIT_PER_RUN", "0.0001")
    with pytest.raises(SpendLimitError):
        await timed(node, model=FIRST, audio=speech()[0], lyrics=SONG, method="ask")
    assert not sandbox.bill()["answers"]


async def test_a_transcription_without_an_answer_is_not_asked_again_by_itself(
    node: Node, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIGATEWAY_UNCERTAIN_LIMIT", "0")
    audio = await sketch(node, f"{SONG}\nsandbox:drop")
    for _ in range(2):
        with pytest.raises(UncertainSubmitError, match="whether this answer was bought"):
            await timed(node, model=FIRST, audio=audio, lyrics=SONG, method="ask")
    assert sum("transcriptions" in seen.path for seen in sandbox.seen) == 1


async def test_a_farm_sends_no_sound_unless_it_is_allowed(
    node: Node, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIGATEWAY_LEDGER_URL", "postgresql://user:word@127.0.0.1:1/x")
    with pytest.raises(InputError, match="sends the sound to a model, and this farm"):
        await timed(node, model=FIRST, audio=speech()[0], lyrics=SONG, method="ask")
