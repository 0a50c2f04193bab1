"""The public contract: shared workflow files depend on these names and their order."""

from __future__ import annotations

import importlib
from inspect import signature
from typing import Any

import pytest

CONTRACT = {
    "AIGatewayPromptToMusic": (
        [
            ("prompt", "STRING"),
            ("duration", "FLOAT"),
            ("lyrics", "STRING"),
            ("format", "COMBO"),
            ("model", "COMBO"),
            ("take", "INT"),
            ("words", "COMBO"),
        ],
        [("job", "AIGATEWAY_JOB"), ("job_id", "STRING")],
    ),
    "AIGatewayPollJob": (
        [
            ("job", "AIGATEWAY_JOB"),
            ("job_id", "STRING"),
            ("timeout", "FLOAT"),
            ("on_interrupt", "COMBO"),
        ],
        [
            ("audio_url", "STRING"),
            ("duration", "FLOAT"),
            ("job", "AIGATEWAY_JOB"),
            ("price", "FLOAT"),
        ],
    ),
    "AIGatewayLoadAudioURL": (
        [("url", "STRING"), ("sample_rate", "COMBO"), ("channels", "COMBO")],
        [("audio", "AUDIO"), ("duration", "FLOAT"), ("sample_rate", "INT")],
    ),
    "AIGatewaySaveAudio": (
        [
            ("audio", "AUDIO"),
            ("filename_prefix", "STRING"),
            ("format", "COMFY_DYNAMICCOMBO_V3"),
            ("peaks", "COMBO"),
            ("loop_start", "INT"),
            ("loop_length", "INT"),
            ("title", "STRING"),
            ("name", "STRING"),
            ("overwrite", "BOOLEAN"),
            ("markers", "STRING"),
            ("lyrics", "STRING"),
            ("origin", "COMBO"),
            ("licence", "STRING"),
            ("engine", "COMBO"),
            ("family", "STRING"),
            ("intensity", "STRING"),
        ],
        [("audio", "AUDIO"), ("path", "STRING")],
    ),
    "AIGatewayMusicLength": (
        [
            ("picture", "VIDEO,IMAGE"),
            ("frames", "INT"),
            ("fps", "FLOAT"),
            ("tail", "FLOAT"),
            ("near_tempo", "FLOAT"),
            ("keep", "BOOLEAN"),
            ("kept", "STRING"),
            ("hits", "STRING"),
            ("words", "STRING"),
        ],
        [
            ("duration", "FLOAT"),
            ("seconds", "FLOAT"),
            ("frames", "INT"),
            ("fps", "FLOAT"),
            ("tempo", "FLOAT"),
            ("tempo_words", "STRING"),
            ("offset", "FLOAT"),
            ("report", "STRING"),
            ("prompt", "STRING"),
        ],
    ),
    "AIGatewayFitMusic": (
        [
            ("audio", "AUDIO"),
            ("picture", "VIDEO,IMAGE"),
            ("seconds", "FLOAT"),
            ("frames", "INT"),
            ("fps", "FLOAT"),
            ("method", "COMBO"),
            ("ending", "COMBO"),
            ("tempo", "FLOAT"),
            ("loudness", "COMBO"),
            ("true_peak", "FLOAT"),
            ("fade_in", "FLOAT"),
            ("fade_out", "FLOAT"),
            ("hits", "STRING"),
        ],
        [
            ("audio", "AUDIO"),
            ("report", "STRING"),
            ("joins", "STRING"),
            ("plot", "IMAGE"),
            ("markers", "STRING"),
        ],
    ),
    "AIGatewayAddSoundtrack": (
        [
            ("video", "VIDEO"),
            ("audio", "AUDIO"),
            ("mix", "COMBO"),
            ("level", "FLOAT"),
            ("duck", "FLOAT"),
            ("fade", "FLOAT"),
            ("loudness", "COMBO"),
            ("true_peak", "FLOAT"),
            ("origin", "COMBO"),
            ("subtitles", "STRING"),
        ],
        [("video", "VIDEO"), ("audio", "AUDIO")],
    ),
    "AIGatewayBeats": (
        [
            ("audio", "AUDIO"),
            ("frames", "INT"),
            ("fps", "FLOAT"),
            ("tempo", "FLOAT"),
            ("follow", "COMBO"),
            ("low", "FLOAT"),
            ("high", "FLOAT"),
            ("smooth", "FLOAT"),
        ],
        [
            ("values", "FLOAT,FLOATS"),
            ("bpm", "FLOAT"),
            ("beat_frames", "STRING"),
            ("beats", "STRING"),
            ("keyframes", "STRING"),
            ("frames", "INT"),
            ("plot", "IMAGE"),
            ("each", "FLOAT"),
        ],
    ),
    "AIGatewayVisualize": (
        [
            ("audio", "AUDIO"),
            ("fps", "FLOAT"),
            ("width", "INT"),
            ("height", "INT"),
            ("look", "COMBO"),
            ("title", "STRING"),
            ("lyrics", "STRING"),
        ],
        [("video", "VIDEO"), ("still", "IMAGE")],
    ),
    "AIGatewayMakeLoop": (
        [
            ("audio", "AUDIO"),
            ("tempo", "FLOAT"),
            ("min_seconds", "FLOAT"),
            ("intro", "COMBO"),
            ("loop", "BOOLEAN"),
        ],
        [
            ("audio", "AUDIO"),
            ("loop_start", "INT"),
            ("loop_length", "INT"),
            ("report", "STRING"),
        ],
    ),
    "AIGatewayDescribeClip": (
        [
            ("video", "VIDEO"),
            ("images", "IMAGE"),
            ("fps", "FLOAT"),
            ("method", "COMBO"),
            ("wish", "STRING"),
            ("model", "COMBO"),
        ],
        [
            ("prompt", "STRING"),
            ("cuts", "STRING"),
            ("cut_frames", "STRING"),
            ("sheet", "IMAGE"),
            ("report", "STRING"),
        ],
    ),
    "AIGatewayTimedLyrics": (
        [
            ("audio", "AUDIO"),
            ("lyrics", "STRING"),
            ("method", "COMBO"),
            ("language", "COMBO"),
            ("model", "COMBO"),
            ("download", "BOOLEAN"),
        ],
        [("lrc", "STRING"), ("srt", "STRING"), ("words", "STRING"), ("report", "STRING")],
    ),
    "AIGatewayStinger": (
        [
            ("audio", "AUDIO"),
            ("seconds", "FLOAT"),
            ("bars", "INT"),
            ("tail", "COMBO"),
            ("tempo", "FLOAT"),
        ],
        [
            ("audio", "AUDIO"),
            ("seconds", "FLOAT"),
            ("bpm", "FLOAT"),
            ("bars", "FLOAT"),
            ("report", "STRING"),
        ],
    ),
    "AIGatewayLayers": (
        [
            ("audio", "AUDIO"),
            ("name", "STRING"),
            ("loop_start", "INT"),
            ("loop_length", "INT"),
            ("crossover", "FLOAT"),
        ],
        [
            ("drums", "AUDIO"),
            ("low", "AUDIO"),
            ("rest", "AUDIO"),
            ("layers", "AUDIO"),
            ("name", "STRING"),
            ("family", "STRING"),
            ("intensity", "STRING"),
            ("loop_start", "INT"),
            ("loop_length", "INT"),
            ("report", "STRING"),
        ],
    ),
    "AIGatewayAlignFamily": (
        [
            ("audio", "AUDIO"),
            ("family", "STRING"),
            ("name", "STRING"),
            ("tempo", "FLOAT"),
            ("bars", "INT"),
            ("loudness", "COMBO"),
            ("true_peak", "FLOAT"),
        ],
        [
            ("audio", "AUDIO"),
            ("loop_start", "INT"),
            ("loop_length", "INT"),
            ("bpm", "FLOAT"),
            ("bars", "INT"),
            ("aligned", "BOOLEAN"),
            ("report", "STRING"),
        ],
    ),
    "AIGatewayTakes": (
        [
            ("prompt", "STRING"),
            ("duration", "FLOAT"),
            ("lyrics", "STRING"),
            ("format", "COMBO"),
            ("model", "COMBO"),
            ("take", "INT"),
            ("words", "COMBO"),
            ("count", "INT"),
            ("timeout", "FLOAT"),
        ],
        [("audio", "AUDIO"), ("job_id", "STRING"), ("report", "STRING")],
    ),
    "AIGatewayCueSheet": (
        [("table", "STRING"), ("file", "COMBO")],
        [
            ("prompt", "STRING"),
            ("duration", "FLOAT"),
            ("lyrics", "STRING"),
            ("take", "INT"),
            ("name", "STRING"),
            ("loop", "BOOLEAN"),
            ("report", "STRING"),
            ("family", "STRING"),
            ("intensity", "STRING"),
        ],
    ),
    "AIGatewayReadReceipt": (
        [("file", "STRING")],
        [
            ("prompt", "STRING"),
            ("take", "INT"),
            ("job_id", "STRING"),
            ("model", "STRING"),
            ("price", "FLOAT"),
            ("audio", "AUDIO"),
            ("tags", "STRING"),
        ],
    ),
    "AIGatewayShots": (
        [
            ("audio", "AUDIO"),
            ("fps", "FLOAT"),
            ("every", "COMBO"),
            ("count", "INT"),
            ("min_seconds", "FLOAT"),
            ("max_seconds", "FLOAT"),
            ("grid", "COMBO"),
            ("tempo", "FLOAT"),
        ],
        [
            ("start", "FLOAT"),
            ("frames", "INT"),
            ("audio", "AUDIO"),
            ("index", "INT"),
            ("prompt_slot", "STRING"),
            ("count", "INT"),
            ("report", "STRING"),
            ("start_frame", "INT"),
            ("keep_frames", "INT"),
        ],
    ),
}


def described_inputs(info: dict[str, Any]) -> list[tuple[str, Any]]:
    """All inputs as the canvas orders them: required first, then optional."""
    return [
        item
        for section in ("required", "optional")
        for item in info["input"].get(section, {}).items()
    ]


@pytest.mark.slow
async def test_names_types_and_order_are_as_promised(node: dict[str, Any]) -> None:
    found = {}
    for name, kind in node.items():
        info = kind.GET_NODE_INFO_V1()
        inputs = [(id, declared[0]) for id, declared in described_inputs(info)]
        outputs = list(zip(info["output_name"], info["output"], strict=True))
        found[name] = (inputs, outputs)
    assert found == CONTRACT


async def test_defaults_are_as_promised(node: dict[str, Any]) -> None:
    defaults = {
        (name, id): (declared[1].get("default"), declared[1].get("min"), declared[1].get("max"))
        for name, kind in node.items()
        for id, declared in described_inputs(kind.GET_NODE_INFO_V1())
    }
    assert defaults["AIGatewayPromptToMusic", "duration"] == (30.0, 1.0, 240.0)
    assert defaults["AIGatewayPromptToMusic", "lyrics"][0] == ""
    assert defaults["AIGatewayPromptToMusic", "model"][0] == "ace-step/ace-step-prompt-to-audio"
    assert defaults["AIGatewayPollJob", "timeout"][0] == 900.0
    assert defaults["AIGatewayPollJob", "on_interrupt"][0] == "keep"
    assert defaults["AIGatewaySaveAudio", "filename_prefix"][0] == "audio/AIgateway"


async def test_everything_is_explained(node: dict[str, Any]) -> None:
    for kind in node.values():
        schema = kind.GET_SCHEMA()
        assert schema.description
        assert schema.search_aliases
        assert schema.category == "AIgateway/music"
        for _, declared in described_inputs(kind.GET_NODE_INFO_V1()):
            assert declared[1]["tooltip"]


async def test_what_an_interrupt_does_is_the_users_choice_for_new_nodes(
    node: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGATEWAY_ON_INTERRUPT", "cancel")
    inputs = dict(described_inputs(node["AIGatewayPollJob"].GET_NODE_INFO_V1()))
    assert inputs["on_interrupt"][1]["default"] == "cancel"


async def test_the_words_may_be_varied_and_show_an_example(node: dict[str, Any]) -> None:
    inputs = dict(described_inputs(node["AIGatewayPromptToMusic"].GET_NODE_INFO_V1()))
    for name in ("prompt", "lyrics"):
        assert inputs[name][1]["dynamicPrompts"] is True
        assert inputs[name][1]["placeholder"]


def test_rare_inputs_are_folded_where_comfyui_can_fold_them(node: dict[str, Any]) -> None:
    io = importlib.import_module("comfy_api.latest").io
    folds = True if "advanced" in signature(io.Combo.Input.__init__).parameters else None
    rare = {
        ("PromptToMusic", "format"),
        ("PollJob", "timeout"),
        ("PollJob", "on_interrupt"),
        ("SaveAudio", "peaks"),
    }
    for name, rare_input in rare:
        schema = node[f"AIGateway{name}"].define_schema()
        inputs = {each.id: each for each in schema.inputs}
        assert getattr(inputs[rare_input], "advanced", None) is folds
