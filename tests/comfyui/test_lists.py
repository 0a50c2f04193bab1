"""Lists in ComfyUI: priced as a whole, numbered in order, and one failing item among good ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ...scripts.lib import graph
from .client import Browser, Outcome, RefusedError
from .conftest import Example, Host
from .test_running import LOAD, REQUEST, SAVE, succeeded

pytestmark = pytest.mark.xdist_group("comfyui")


def linked(prompt: graph.Prompt, kind: str = "TestValues", /, **lists: Any) -> graph.Prompt:
    """The example with inputs of Prompt to Music that come from list nodes."""
    made = json.loads(json.dumps(prompt))
    for name, values in lists.items():
        made[f"list-{name}"] = {"class_type": kind, "inputs": {"json": json.dumps(values)}}
        made[graph.node_of(made, REQUEST)]["inputs"][name] = [f"list-{name}", 0]
    return made


def saved(outcome: Outcome, prompt: graph.Prompt) -> list[str]:
    return [file["filename"] for file in outcome.outputs[graph.node_of(prompt, SAVE)]["audio"]]


def named(prompt: graph.Prompt, prefix: str) -> graph.Prompt:
    prompt = json.loads(json.dumps(prompt))
    prompt[graph.node_of(prompt, SAVE)]["inputs"]["filename_prefix"] = prefix
    return prompt


def jobs(host: Host) -> int:
    return len(host.gateway.bill()["jobs"])


def renamed(prompt: graph.Prompt, prefix: str) -> graph.Prompt:
    """The same graph under other ids."""
    return {
        f"{prefix}{key}": {
            **node,
            "inputs": {
                name: [f"{prefix}{value[0]}", value[1]] if isinstance(value, list) else value
                for name, value in node["inputs"].items()
            },
        }
        for key, node in prompt.items()
    }


def message(outcome: Outcome) -> str:
    assert outcome.ending.kind == "execution_error"
    return outcome.ending.data["exception_message"]


@pytest.mark.parametrize(
    ("prompts", "good", "word"),
    [
        (["good one", "bad sandbox:fail", "good two"], 2, "could not make"),
        (["sandbox:402 first", "one after", "two after"], 2, "credit"),
        (["one before", "two before", "gone sandbox:gone"], 2, "410"),
        (["one page", "a page sandbox:page", "two page"], 2, "web page"),
        (["one blank", " ", "two blank"], 2, "prompt is empty"),
        (["sandbox:fail 1", "sandbox:402 2", "the only good one", "sandbox:truncated 3"], 1, ""),
    ],
)
async def test_one_failing_item_leaves_the_others(
    host: Host, browser: Browser, example: Example, prompts: list[str], good: int, word: str
):
    prefix = f"lists/{abs(hash(tuple(prompts)))}"
    prompt = named(linked(example(duration=5), prompt=prompts, take=[1, 2, 3]), prefix)
    outcome = succeeded(await browser.run(prompt))
    assert len(saved(outcome, prompt)) == good
    assert word in host.server.log_text()
    # Again: only what failed runs again, and no file is written twice.
    before = jobs(host)
    again = succeeded(await browser.run(prompt))
    assert saved(again, prompt) == saved(outcome, prompt)
    assert jobs(host) == before


@pytest.mark.parametrize("prompts", [["sandbox:fail a", "sandbox:fail b"], ["sandbox:fail c"]])
async def test_a_run_with_nothing_good_is_red(
    browser: Browser, example: Example, prompts: list[str]
):
    said = message(await browser.run(linked(example(duration=5), prompt=prompts, take=[7])))
    assert "not charged" in said
    assert "take 7" in said
    assert prompts[0] in said


@pytest.mark.parametrize("count", [1, 3, 8, 12])
async def test_files_are_numbered_in_the_lists_order(
    browser: Browser, example: Example, count: int
):
    takes = list(range(1, count + 1))
    prefix = f"numbers{count}/t"
    prompt = named(linked(example(duration=5, prompt="numbers"), take=takes), prefix)
    outcome = succeeded(await browser.run(prompt))
    names = [name.rpartition(".")[0] for name in saved(outcome, prompt)]
    assert names == [f"t_{number:05}_" for number in takes]


async def test_a_blocked_item_blocks_itself_alone(browser: Browser, example: Example):
    prompt = linked(example(duration=5), "TestBlocked", prompt=["first", None, "third"])
    assert len(saved(succeeded(await browser.run(prompt)), prompt)) == 2


async def test_an_item_that_comes_blocked_between_load_and_save(browser: Browser, example: Example):
    prompt = linked(example(duration=5), prompt=["first cut", "sandbox:fail cut", "third cut"])
    load, save = graph.node_of(prompt, LOAD), graph.node_of(prompt, SAVE)
    prompt["trim"] = {
        "class_type": "TrimAudioDuration",
        "inputs": {"audio": [load, 0], "start_index": 0.0, "duration": 2.0},
    }
    prompt[save]["inputs"]["audio"] = ["trim", 0]
    assert len(saved(succeeded(await browser.run(prompt)), prompt)) == 2


async def test_a_list_over_the_limit_sends_nothing_and_delivers_what_was_bought(
    host: Host, browser: Browser, example: Example
):
    takes = [*range(1, 26)]
    prompt = linked(example(duration=240, prompt="long"), take=takes)
    before = jobs(host)
    said = message(await browser.run(prompt))
    assert "These 25 tracks cost about $1.20" in said
    assert "Nothing was sent" in said
    assert jobs(host) == before
    two = linked(example(duration=240, prompt="long"), take=[1, 2])
    succeeded(await browser.run(two))
    outcome = succeeded(await browser.run(prompt))
    assert len(saved(outcome, prompt)) == 2
    assert jobs(host) == before + 2


async def test_a_cue_sheet_over_the_limit_is_refused_before_anything_runs(
    host: Host, browser: Browser, example: Example
):
    prompt = example()
    table = "seconds,prompt\n" + "".join(f"240,long piece {row}\n" for row in range(25))
    prompt["sheet"] = {"class_type": "AIGatewayCueSheet", "inputs": {"table": table}}
    inputs = prompt[graph.node_of(prompt, REQUEST)]["inputs"]
    inputs |= {name: ["sheet", slot] for slot, name in enumerate(["prompt", "duration"])}
    before = jobs(host)
    with pytest.raises(RefusedError) as refused:
        await browser.run(prompt)
    assert "These 25 tracks cost about $1.20" in str(refused.value)
    assert jobs(host) == before


@pytest.mark.parametrize("name", ["duration", "prompt", "take"])
async def test_a_failed_branch_makes_no_other_branch_run_again(
    browser: Browser, example: Example, name: str
):
    value = {"duration": 5.5, "prompt": f"branch {name}", "take": 4}[name]
    good = linked(example(prompt=f"good {name}", duration=5), "TestValue", **{name: value})
    bad = linked(example(prompt=f"sandbox:fail {name}", duration=5), "TestValue", take=5)
    both = {**good, **renamed(bad, "b")}
    outputs: dict[str, Any] = {}
    while graph.node_of(good, SAVE) not in outputs:
        outcome = await browser.run(both)
        assert outcome.ending.kind == "execution_error"
        outputs = outcome.outputs
    again = await browser.run(both)
    assert again.executed
    assert all(node.startswith("b") for node in again.executed)


@pytest.mark.parametrize(
    ("values", "input_name", "part"),
    [
        ({"prompt": "  "}, "prompt", "empty"),
        ({"prompt": "\u200b\u200d"}, "prompt", "empty"),
        ({"prompt": None}, "prompt", "empty"),
        ({"duration": 241}, "duration", "bigger than max"),
        ({"duration": "6,5"}, "duration", "convert"),
        ({"take": 2**64 - 1}, "take", "bigger than max"),
        ({"model": ""}, "model", "not in list"),
        ({"format": "ogg"}, "format", "not in list"),
    ],
)
async def test_a_wrong_value_is_named_once_at_its_input(
    browser: Browser, example: Example, values: dict[str, Any], input_name: str, part: str
):
    prompt = example(**values)
    with pytest.raises(RefusedError) as refused:
        await browser.run(prompt)
    (answer,) = refused.value.args
    (error,) = answer["node_errors"][graph.node_of(prompt, REQUEST)]["errors"]
    assert error["extra_info"]["input_name"] == input_name
    assert part in f"{error['message']} {error['details']}"


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("take", 2**64 - 1, "18446744073709551615"),
        ("take", None, "take is missing"),
        ("take", 1.5, "take is 1.5"),
        ("duration", "6,5", "6,5"),
        ("duration", 240.5, "240.5"),
        ("prompt", None, "prompt is missing"),
        ("prompt", 5, "prompt is 5"),
        ("format", ["mp3"], "of the type list"),
    ],
)
async def test_a_wrong_value_from_a_link_is_one_sentence_and_buys_nothing(
    host: Host, browser: Browser, example: Example, name: str, value: Any, part: str
):
    before = len(host.gateway.seen)
    outcome = await browser.run(linked(example(), "TestValue", **{name: value}))
    assert part in message(outcome)
    assert host.gateway.seen[before:] == []


async def test_the_same_request_in_other_bytes_is_bought_once(
    host: Host, browser: Browser, example: Example
):
    before = jobs(host)
    spellings = [
        "caf\u00e9\nnight",
        "cafe\u0301\r\nnight",
        "caf\u00e9\nnight\n\n",
        "\ufeffcaf\u00e9\rnight",
    ]
    for spelling in spellings:
        succeeded(await browser.run(example(prompt=spelling, duration=5)))
    for take in (1.0, "1"):
        prompt = linked(example(prompt=spellings[0], duration=5), "TestValue", take=take)
        succeeded(await browser.run(prompt))
    assert jobs(host) == before + 1


async def test_a_script_may_leave_out_what_has_a_default(browser: Browser, example: Example):
    prompt = example(prompt="short script", duration=5)
    inputs = prompt[graph.node_of(prompt, REQUEST)]["inputs"]
    for name in ("lyrics", "format", "model", "take"):
        del inputs[name]
    succeeded(await browser.run(prompt))


@pytest.mark.parametrize(
    "shape", [{}, {"format": "aac"}, {"format": {"format": "flac"}}, {"format": None}]
)
async def test_audio_is_saved_although_a_script_gives_no_format(
    browser: Browser, example: Example, shape: dict[str, Any]
):
    prompt = example(prompt=f"format {shape}", duration=5)
    inputs = prompt[graph.node_of(prompt, SAVE)]["inputs"]
    for name in [name for name in inputs if name.startswith("format")]:
        del inputs[name]
    inputs |= shape
    (name,) = saved(succeeded(await browser.run(prompt)), prompt)
    assert name.endswith(".flac")


@pytest.mark.parametrize(
    ("prefix", "beginning"),
    [
        ("song %take% %title%", "song 1 prefix tune_"),
        ("con.x", "con_.x_"),
        ("", "AIgateway_"),
        ("a:b?c", "a_b_c_"),
        ("x" * 240, "x" * 240 + "_"),
        ("夜" * 90, "夜" * 80 + "_"),
        ("..hidden", "_hidden_"),
    ],
)
async def test_a_prefix_is_a_name_on_every_system(
    browser: Browser, example: Example, prefix: str, beginning: str
):
    prompt = named(example(prompt="prefix tune", duration=5), prefix)
    (name,) = saved(succeeded(await browser.run(prompt)), prompt)
    assert name.startswith(beginning)
