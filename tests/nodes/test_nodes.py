"""The four nodes, one after the other, as a graph runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch

from ...api.base.errors import GatewayError, InputError, MissingKeyError
from ...audio.arrays import MediaError
from ...sandbox import SKETCH_NOTICE
from ...sandbox.server import Sandbox
from ..gateway import SAMPLE_RATE

Node = dict[str, Any]


async def run(node: Node, name: str, **inputs: Any) -> tuple[Any, ...]:
    kind = node[f"AIGateway{name}"]
    clone = kind.PREPARE_CLASS_CLONE({"hidden_inputs": {}})
    return (await clone.EXECUTE_NORMALIZED_ASYNC(**inputs)).result


async def submit(node: Node, prompt: str = "piano", **changes: Any) -> tuple[Any, str]:
    inputs = {
        "prompt": prompt,
        "duration": 5.0,
        "lyrics": "",
        "format": "wav",
        "model": "ace-step/ace-step-prompt-to-audio",
        "take": 1,
        **changes,
    }
    return await run(node, "PromptToMusic", **inputs)  # type: ignore[return-value]


async def load(node: Node, url: str, sample_rate: str = "original", channels: str = "original"):
    return await run(node, "LoadAudioURL", url=url, sample_rate=sample_rate, channels=channels)


async def save(node: Node, audio: Any, **format: str) -> tuple[Any, Path]:
    audio, path = await run(
        node, "SaveAudio", audio=audio, filename_prefix="audio/test", format=format
    )
    return audio, Path(path)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.slow
async def test_a_prompt_becomes_a_file(node: Node, sandbox: Sandbox, output: Path) -> None:
    job, job_id = await submit(node)
    assert job.job_id == job_id
    url, promised, done, price = await run(node, "PollJob", job=job)
    assert price == pytest.approx(0.001)
    assert done.job_id == job_id
    audio, duration, rate = await load(node, url)
    waveform = audio["waveform"]
    assert waveform.dtype is torch.float32
    assert waveform.is_contiguous()
    assert waveform.shape == (1, 1, 5 * SAMPLE_RATE)
    assert (duration, rate, audio["sample_rate"]) == (promised, SAMPLE_RATE, SAMPLE_RATE)
    passed_on, path = await save(node, audio, format="flac", quality="16 bit")
    assert passed_on is audio
    assert path.is_relative_to(output / "audio")
    samples, rate = soundfile.read(path, dtype="float32")
    assert torch.equal(torch.from_numpy(samples), waveform[0, 0])
    assert len(sandbox.bill()["jobs"]) == 1


@pytest.mark.slow
async def test_without_a_key_the_built_in_sandbox_answers(node: Node, session: Any) -> None:
    job, job_id = await submit(node, duration=5.3)
    assert job_id.startswith("sandbox_")
    assert (job.service, job.price) == ("sandbox", 0.0)
    url, *_ = await run(node, "PollJob", job=job)
    audio, _, rate = await load(node, url)
    assert (audio["waveform"].shape, rate) == ((1, 2, round(5.3 * 44100)), 44100)
    _, path = await save(node, audio, format="wav", quality="16 bit")
    assert SKETCH_NOTICE.encode() in path.read_bytes()


@pytest.mark.slow
async def test_the_same_graph_again_makes_no_request(node: Node, sandbox: Sandbox) -> None:
    async def graph() -> None:
        job, _ = await submit(node)
        url, *_ = await run(node, "PollJob", job=job)
        await load(node, url)

    await graph()
    sandbox.seen.clear()
    await graph()
    assert sandbox.seen == []


@pytest.mark.slow
async def test_the_status_names_the_delivered_format(
    node: Node, sandbox: Sandbox, lines: list[Any]
) -> None:
    """The gateway may ignore the format that was asked for: this one sends WAV for mp3."""
    job, _ = await submit(node, format="mp3")
    url, *_ = await run(node, "PollJob", job=job)
    for _place in ("the gateway", "the store"):
        await load(node, url)
        assert str(lines[-1]).startswith("wav, 128 kbit/s, 5.0 s, 8000 Hz")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prompt", "asked", "both"),
    [
        ("sandbox:short", 20.0, "asked for 20.0 s, received 10.0 s"),
        ("sandbox:short", 12.5, "asked for 12.5 s, received 6.2 s"),
        ("sandbox:short", 6.0, "asked for 6.0 s, received 5.0 s"),
        ("piano", 20.0, ""),
    ],
)
async def test_a_track_of_another_length_is_named_with_both_lengths(
    node: Node, sandbox: Sandbox, lines: list[Any], prompt: str, asked: float, both: str
) -> None:
    job, _ = await submit(node, prompt, duration=asked)
    url, *_ = await run(node, "PollJob", job=job)
    for _place in ("the gateway", "the store"):
        await load(node, url)
        assert str(lines[-1]).partition(" · ")[2] == both


async def test_hints_stand_beside_the_job_and_refuse_nothing(
    node: Node, sandbox: Sandbox, lines: list[Any]
) -> None:
    _, job_id = await submit(node, lyrics="[vrese]\n" + "la la\n" * 14)
    hints = (
        "the lyrics need about 55 to 85 s (lines to sing: 14); the length is 5 s · "
        "the section tag [vrese] is unknown; known ones are [verse], [chorus] and [bridge]"
    )
    assert [str(line) for line in lines] == [hints, f"job {job_id} · {hints}"]
    assert len(sandbox.bill()["jobs"]) == 1


@pytest.mark.slow
async def test_rates_and_channels_are_as_asked(node: Node, sandbox: Sandbox) -> None:
    job, _ = await submit(node)
    url, *_ = await run(node, "PollJob", job=job)
    audio, duration, rate = await load(node, url, "48000", "stereo")
    assert audio["waveform"].shape == (1, 2, 5 * 48000)
    assert audio["waveform"].is_contiguous()
    assert (duration, rate) == (5.0, 48000)


@pytest.mark.slow
async def test_a_delivered_file_that_was_not_changed_is_saved_as_it_is(
    node: Node, sandbox: Sandbox, session: Any
) -> None:
    job, _ = await submit(node)
    url, *_ = await run(node, "PollJob", job=job)
    audio, *_ = await load(node, url)
    library = await session.library()
    row = await library.job(job.local_id)
    stored = await library.stored_track(row, session.settings())
    delivered = stored.read_bytes()
    _, path = await save(node, audio, format="wav", quality="24 bit")
    assert delivered[36:] in path.read_bytes()
    audio["waveform"] *= 0.5
    _, path = await save(node, audio, format="wav", quality="24 bit")
    assert soundfile.info(path).subtype == "PCM_24"


@pytest.mark.slow
async def test_a_saved_file_carries_a_receipt_and_no_address(node: Node, sandbox: Sandbox) -> None:
    from ..audio.tag_reader import read_tags

    job, job_id = await submit(node)
    url, *_ = await run(node, "PollJob", job=job)
    audio, *_ = await load(node, url)
    _, path = await save(node, audio, format="flac", quality="24 bit")
    tags = read_tags(path)
    receipt = json.loads(tags["receipt"])
    assert tags["title"] == "piano"
    assert receipt["job_id"] == job_id
    assert receipt["price_usd"] == pytest.approx(0.001)
    assert receipt["measured_duration"] == 5.0
    assert "signature=" not in path.read_bytes().decode("latin-1")


async def test_a_batch_is_several_files(node: Node, session: Any) -> None:
    audio = {"waveform": torch.zeros(3, 2, 1000), "sample_rate": 44100}
    _, paths = await run(
        node, "SaveAudio", audio=audio, filename_prefix="b", format={"format": "flac"}
    )
    written = [Path(line) for line in paths.splitlines()]
    assert len({path for path in written if path.exists()}) == 3


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"prompt": "  "}, "prompt is empty"),
        ({"duration": 4.0}, "5 to 240"),
        ({"duration": 241.0}, "5 to 240"),
    ],
)
async def test_bad_requests_are_named_before_the_submit(
    node: Node, sandbox: Sandbox, changes: dict[str, Any], part: str
) -> None:
    with pytest.raises(InputError, match=part):
        await submit(node, **{"prompt": "p", **changes})
    assert sandbox.seen == []


async def test_inputs_from_other_nodes_are_checked_when_they_are_known(node: Node) -> None:
    validate = node["AIGatewayPromptToMusic"].validate_inputs
    assert await validate(prompt=None) is True
    assert "empty" in await validate(prompt=" ")


@pytest.mark.parametrize(("given", "said"), [({}, "neither"), ({"job_id": "j"}, "both")])
async def test_poll_job_takes_one_of_two(
    node: Node, sandbox: Sandbox, given: dict[str, Any], said: str
) -> None:
    job = None
    if said == "both":
        job, _ = await submit(node)
    with pytest.raises(InputError, match=f"{said}.*given") as raised:
        await run(node, "PollJob", job=job, **given)
    assert ("muted or bypassed" in str(raised.value)) == (said == "neither")


@pytest.mark.parametrize("url", ["", "song.mp3", "file:///etc/passwd"])
async def test_a_url_that_is_none(node: Node, sandbox: Sandbox, url: str) -> None:
    with pytest.raises(InputError):
        await load(node, url)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("card", "kind", "part"),
    [
        ("page", MediaError, "web page"),
        ("truncated", MediaError, "truncated"),
        ("gone", GatewayError, "410"),
    ],
)
async def test_what_is_no_whole_audio_is_named(
    node: Node, sandbox: Sandbox, card: str, kind: type[Exception], part: str
) -> None:
    job, _ = await submit(node, f"sandbox:{card}")
    url, *_ = await run(node, "PollJob", job=job)
    with pytest.raises(kind, match=part):
        await load(node, url)


@pytest.mark.parametrize(
    ("waveform", "format", "part"),
    [
        (torch.tensor([[[0.0, float("nan")]]]), "flac", "NaN"),
        (torch.tensor([[[0.0, float("inf")]]]), "flac", "infinit"),
        (torch.zeros(1, 2, 0), "flac", "0 samples"),
        (torch.zeros(1, 6, 100), "mp3", "6 channels"),
    ],
)
async def test_audio_that_cannot_be_saved_leaves_no_file(
    node: Node, output: Path, waveform: torch.Tensor, format: str, part: str
) -> None:
    with pytest.raises(MediaError, match=part):
        await save(node, {"waveform": waveform, "sample_rate": 44100}, format=format)
    assert files_in(output) == []


async def test_live_without_a_key_says_where_to_put_one(
    node: Node, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGATEWAY_MODE", "live")
    with pytest.raises(MissingKeyError, match=r"aigateway\.toml"):
        await submit(node)


@pytest.mark.slow
async def test_the_fingerprint_changes_with_the_service_and_with_a_failure_only(
    node: Node, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = node["AIGatewayPromptToMusic"]
    inputs = {
        "prompt": "sandbox:fail",
        "duration": 5.0,
        "lyrics": "",
        "format": "wav",
        "model": "ace-step/ace-step-prompt-to-audio",
        "take": 1,
    }
    before = await kind.fingerprint_inputs(**inputs)
    job, _ = await submit(node, **inputs)
    assert await kind.fingerprint_inputs(**inputs) == before
    with pytest.raises(GatewayError):
        await run(node, "PollJob", job=job)
    after = await kind.fingerprint_inputs(**inputs)
    assert after != before
    assert await kind.fingerprint_inputs(**{**inputs, "take": 2}) == before
    # What comes from another node counts from when this node first asked for it.
    assert await kind.fingerprint_inputs(**{**inputs, "prompt": None}) == after
    assert await kind.fingerprint_inputs(**{**inputs, "model": None}) == after
    monkeypatch.delenv("AIGATEWAY_BASE_URL")
    assert await kind.fingerprint_inputs(**inputs) not in (before, after)
