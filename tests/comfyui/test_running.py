"""The example workflow in ComfyUI: run to its end, handed on, refused, interrupted, repeated."""

from __future__ import annotations

import io
from typing import Any

import av
import pytest
import soundfile

from ...scripts.lib import graph
from .client import Browser, Outcome, RefusedError, browse
from .conftest import WORKFLOW, Example, Host
from .server import running, supported

pytestmark = pytest.mark.xdist_group("comfyui")

REQUEST = "AIGatewayPromptToMusic"
POLL = "AIGatewayPollJob"
SAVE = "AIGatewaySaveAudio"
LOAD = "AIGatewayLoadAudioURL"


def with_nodes(prompt: graph.Prompt, **nodes: tuple[str, dict[str, Any]]) -> graph.Prompt:
    """The prompt with more nodes; `"AUDIO"` among their inputs is what the pack loaded."""
    audio = [graph.node_of(prompt, LOAD), 0]
    added = {
        name: {
            "class_type": kind,
            "inputs": {key: audio if value == "AUDIO" else value for key, value in inputs.items()},
        }
        for name, (kind, inputs) in nodes.items()
    }
    return {**prompt, **added}


def succeeded(outcome: Outcome) -> Outcome:
    message = outcome.ending.data.get("exception_message")
    assert outcome.ending.kind == "execution_success", message
    return outcome


async def read(browser: Browser, file: dict[str, str]) -> tuple[int, int]:
    """The frames and sample rate of a file that the history names."""
    with soundfile.SoundFile(io.BytesIO(await browser.view(file))) as sound:
        return sound.frames, sound.samplerate


async def test_the_example_runs_to_a_file_of_the_asked_duration(browser: Browser, example: Example):
    prompt = example(duration=7.3)
    outcome = succeeded(await browser.run(prompt))
    (file,) = outcome.outputs[graph.node_of(prompt, SAVE)]["audio"]
    frames, rate = await read(browser, file)
    assert frames == round(7.3 * rate)


async def test_the_example_runs_without_a_key(tmp_path_factory: pytest.TempPathFactory):
    with running(supported(), tmp_path_factory.mktemp("keyless"), {}) as server:
        async with browse(server.url) as browser:
            prompt = graph.to_prompt(graph.load(WORKFLOW), await browser.node_info())
            asked = prompt[graph.node_of(prompt, REQUEST)]["inputs"]["duration"]
            outcome = succeeded(await browser.run(prompt))
            (file,) = outcome.outputs[graph.node_of(prompt, SAVE)]["audio"]
            frames, rate = await read(browser, file)
    assert frames == round(asked * rate)
    assert "sandbox" in server.log_text()


async def test_core_nodes_take_the_audio(browser: Browser, example: Example):
    info = await browser.node_info()
    prompt = with_nodes(
        example(duration=6),
        trim=("TrimAudioDuration", {"audio": "AUDIO", "start_index": 1.0, "duration": 2.0}),
        preview=("PreviewAudio", {"audio": ["trim", 0]}),
        image=("EmptyImage", {"width": 64, "height": 64, "batch_size": 12, "color": 0}),
        video=("CreateVideo", {"images": ["image", 0], "audio": "AUDIO", "fps": 2.0}),
        film=("SaveVideo", {"video": ["video", 0], **save_video_values(info["SaveVideo"])}),
    )
    outcome = succeeded(await browser.run(prompt))
    (trimmed,) = outcome.outputs["preview"]["audio"]
    frames, rate = await read(browser, trimmed)
    assert frames == 2 * rate
    (film,) = outcome.outputs["film"]["images"]
    with av.open(io.BytesIO(await browser.view(film))) as container:
        (audio,) = container.streams.audio
        assert audio.duration is not None
        assert audio.time_base is not None
        assert float(audio.duration * audio.time_base) == pytest.approx(6, abs=0.1)


async def test_an_unchanged_graph_makes_no_second_request(
    host: Host, browser: Browser, example: Example
):
    succeeded(await browser.run(example(prompt="the same piece twice")))
    before = len(host.gateway.seen)
    again = succeeded(await browser.run(example(prompt="the same piece twice")))
    assert host.gateway.seen[before:] == []
    assert again.executed == []


async def test_what_was_paid_outlives_comfyuis_cache(
    host: Host, browser: Browser, example: Example
):
    prompt = example(prompt="paid for once")
    succeeded(await browser.run(prompt))
    charged = host.gateway.bill()["jobs"]
    await browser.free()
    # An idle ComfyUI empties its cache before the first of these runs, a busy one after it.
    executed = [succeeded(await browser.run(prompt)).executed for _ in range(2)]
    assert graph.node_of(prompt, REQUEST) in executed[0] + executed[1]
    assert host.gateway.bill()["jobs"] == charged


@pytest.mark.parametrize(
    ("prompt", "said"),
    [("sandbox:402 no money", "credit"), ("sandbox:fail at the gateway", "fail")],
)
async def test_an_error_of_the_gateway_is_the_nodes_own_sentence(
    browser: Browser, example: Example, prompt: str, said: str
):
    ending = (await browser.run(example(prompt=prompt))).ending
    assert ending.kind == "execution_error"
    assert said in ending.data["exception_message"]
    assert "Traceback" not in ending.data["exception_message"]


async def test_an_input_that_cannot_be_is_refused_before_the_run(
    host: Host, browser: Browser, example: Example
):
    before = len(host.gateway.seen)
    with pytest.raises(RefusedError, match="empty"):
        await browser.run(example(prompt="  "))
    assert host.gateway.seen[before:] == []


async def test_an_interrupt_ends_the_wait_and_not_the_job(
    host: Host, browser: Browser, example: Example
):
    prompt = example(prompt="sandbox:slow")
    waiting = graph.node_of(prompt, POLL)
    # The node's first look at the job has been answered: it waits.
    outcome = await browser.run(
        prompt, lambda event: event.kind == "progress" and event.data["node"] == waiting
    )
    assert outcome.ending.kind == "execution_interrupted"
    assert outcome.ending.data["node_id"] == waiting
    assert not [seen for seen in host.gateway.seen if seen.method == "DELETE"]


def save_video_values(info: dict[str, Any]) -> dict[str, Any]:
    """SaveVideo's defaults: its inputs differ from one ComfyUI to the next."""
    values: dict[str, Any] = {"filename_prefix": "video/test"}
    for name, (kind, *settings) in info["input"]["required"].items():
        if kind == graph.DYNAMIC_COMBO:
            values[name] = settings[0]["options"][0]["key"]
        elif kind == "COMBO" or isinstance(kind, list):
            options = kind if isinstance(kind, list) else settings[0]["options"]
            values[name] = options[0]
    return values


async def test_two_processes_on_one_folder_without_a_key_share_their_sketches(
    tmp_path_factory: pytest.TempPathFactory,
):
    folder, base = supported(), tmp_path_factory.mktemp("shared")
    with running(folder, base, {}) as first, running(folder, base, {}) as second:
        files = []
        for server in (first, second, first, second):
            async with browse(server.url) as browser:
                prompt = graph.to_prompt(graph.load(WORKFLOW), await browser.node_info())
                prompt[graph.node_of(prompt, REQUEST)]["inputs"]["duration"] = 5 + len(files) // 2
                outcome = succeeded(await browser.run(prompt))
                files += outcome.outputs[graph.node_of(prompt, SAVE)]["audio"]
    # The process that was there first is gone, and its sandbox with it.
    with running(folder, base, {}) as third:
        async with browse(third.url) as browser:
            prompt = graph.to_prompt(graph.load(WORKFLOW), await browser.node_info())
            prompt[graph.node_of(prompt, REQUEST)]["inputs"]["duration"] = 5
            succeeded(await browser.run(prompt))
    assert len(files) == 4
