from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ...scripts.lib.graph import GraphError, choose, load, node_of, to_prompt

INFO = {
    "Make": {
        "input": {
            "required": {
                "words": ("STRING", {"multiline": True}),
                "take": ("INT", {"default": 1, "control_after_generate": True}),
                "kind": (["mp3", "wav"], {}),
            },
            "optional": {
                "job": ("JOB", {}),
                "late": ("STRING", {}),
                "wired": ("STRING", {"forceInput": True}),
            },
        }
    },
    "Save": {
        "input": {
            "required": {
                "audio": ("AUDIO", {}),
                "format": (
                    "COMFY_DYNAMICCOMBO_V3",
                    {
                        "options": [
                            {
                                "key": "flac",
                                "inputs": {
                                    "required": {"quality": ("COMBO", {"options": ["16", "24"]})}
                                },
                            },
                            {
                                "key": "opus",
                                "inputs": {
                                    "required": {
                                        "quality": (
                                            "COMBO",
                                            {"options": ["64", "128"], "default": "128"},
                                        )
                                    }
                                },
                            },
                            {"key": "raw", "inputs": {"required": {}}},
                        ]
                    },
                ),
                "name": ("STRING", {}),
            }
        }
    },
}


@pytest.fixture
def canvas() -> dict[str, Any]:
    return {
        "nodes": [
            {
                "id": 1,
                "type": "Make",
                "inputs": [{"name": "job", "type": "JOB", "link": None}],
                "widgets_values": ["a song", 7, "fixed", "wav", "later"],
            },
            {"id": 2, "type": "MarkdownNote", "widgets_values": ["read me"]},
            {
                "id": 3,
                "type": "Save",
                "inputs": [
                    {"name": "audio", "type": "AUDIO", "link": 5},
                    {"name": "name", "type": "STRING", "widget": {"name": "name"}, "link": 6},
                ],
                "widgets_values": ["flac", "24", "unused"],
            },
        ],
        "links": [[5, 1, 0, 3, 0, "AUDIO"], [6, 1, 2, 3, 1, "STRING"]],
    }


def test_values_go_to_their_widgets_and_links_to_their_inputs(canvas: dict[str, Any]):
    assert to_prompt(canvas, INFO) == {
        "1": {
            "class_type": "Make",
            "inputs": {"words": "a song", "take": 7, "kind": "wav", "late": "later"},
        },
        "3": {
            "class_type": "Save",
            "inputs": {
                "audio": ["1", 0],
                "format": "flac",
                "format.quality": "24",
                "name": ["1", 2],
            },
        },
    }


def test_the_button_for_uploads_has_a_value_that_no_input_takes():
    spec = ("COMBO", {"options": ["clip.mp4"], "video_upload": True})
    info = {"Load": {"input": {"required": {"file": spec, "start": ("FLOAT", {"default": 0})}}}}
    node = {"id": 1, "type": "Load", "widgets_values": ["clip.mp4", "image", 2.5]}
    prompt = to_prompt({"nodes": [node], "links": []}, info)
    assert prompt["1"]["inputs"] == {"file": "clip.mp4", "start": 2.5}


def test_choices_that_are_younger_than_the_workflow_are_their_first(canvas: dict[str, Any]):
    canvas["nodes"][2]["widgets_values"] = []
    canvas["links"].pop()
    canvas["nodes"][2]["inputs"].pop()
    required = {"format": INFO["Save"]["input"]["required"]["format"]}
    prompt = to_prompt(canvas, {**INFO, "Save": {"input": {"required": required}}})
    assert prompt["3"]["inputs"] == {
        "audio": ["1", 0],
        "format": "flac",
        "format.quality": "16",
    }


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["a song", 7, "fixed", "wav"], "no value for late of Make"),
        (["a song", 7, "fixed", "wav", "later", "odd"], "more values than Make has widgets"),
    ],
)
def test_values_that_do_not_fit_are_refused(canvas: dict[str, Any], values: list[Any], said: str):
    canvas["nodes"][0]["widgets_values"] = values
    with pytest.raises(GraphError, match=said):
        to_prompt(canvas, INFO)


def test_an_unknown_node_is_named(canvas: dict[str, Any]):
    with pytest.raises(GraphError, match="has a node Save, which is not loaded"):
        to_prompt(canvas, {"Make": INFO["Make"]})


@pytest.mark.parametrize(
    ("choice", "nested"), [("opus", {"format.quality": "128"}), ("raw", {}), ("flac", None)]
)
def test_choosing_sets_what_depends_on_it(canvas: dict[str, Any], choice: str, nested: Any):
    prompt = to_prompt(canvas, INFO)
    choose(prompt, INFO, "Save", "format", choice)
    inputs = prompt["3"]["inputs"]
    assert inputs["format"] == choice
    expected = {"format.quality": "16"} if nested is None else nested
    assert {key: value for key, value in inputs.items() if "." in key} == expected


def test_an_unknown_choice_names_the_known_ones(canvas: dict[str, Any]):
    with pytest.raises(GraphError, match="choose one of flac, opus, raw"):
        choose(to_prompt(canvas, INFO), INFO, "Save", "format", "aiff")


def test_node_of_finds_the_only_one(canvas: dict[str, Any]):
    prompt = to_prompt(canvas, INFO)
    assert node_of(prompt, "Save") == "3"
    with pytest.raises(GraphError, match="has 0 nodes Load"):
        node_of(prompt, "Load")


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"nodes": [], "links": 3}'])
def test_a_file_that_is_no_workflow_is_refused(tmp_path: Path, content: str):
    file = tmp_path / "workflow.json"
    file.write_text(content)
    with pytest.raises(GraphError, match="not a workflow saved by ComfyUI"):
        load(file)


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("saved", [["fixed"], ["increment"], []])
def test_what_happens_to_a_number_after_a_run_is_no_input(declared: bool, saved: list[str]) -> None:
    info = {
        "Make": {
            "input": {
                "required": {
                    "take": ("INT", {"control_after_generate": True} if declared else {}),
                    "words": ("STRING", {}),
                }
            }
        }
    }
    node = {"id": 1, "type": "Make", "widgets_values": [3, *saved, "as given"]}
    prompt = to_prompt({"nodes": [node], "links": []}, info)
    assert prompt["1"]["inputs"] == {"take": 3, "words": "as given"}
