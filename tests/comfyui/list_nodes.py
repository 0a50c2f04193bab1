"""Nodes for tests only: lists of any values, one with blocked items, a gate, a small network."""

import hashlib
import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

from comfy_execution.graph_utils import ExecutionBlocker  # pyright: ignore[reportMissingImports]


class AnyType(str):
    def __ne__(self, other):
        return False


ANY = AnyType("*")


class Values:
    """The items of a JSON list."""

    RETURN_TYPES = (ANY,)
    OUTPUT_IS_LIST = (True,)
    FUNCTION = "values"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        return {"required": {"json": ("STRING", {})}}

    def values(self, json):
        return (loaded(json),)


class Value(Values):
    """One value, as a link brings it."""

    OUTPUT_IS_LIST = (False,)


class Blocked(Values):
    """The items of a JSON list; null is blocked."""

    def values(self, json):
        items = loaded(json)
        return ([ExecutionBlocker(None) if item is None else item for item in items],)


class Gate:
    """A long work: it ends when the file exists."""

    RETURN_TYPES = ()
    OUTPUT_NODE = True
    FUNCTION = "wait"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        return {"required": {"file": ("STRING", {})}}

    def wait(self, file):
        while not Path(file).exists():
            time.sleep(0.02)
        return {}


class SmallNetwork:
    """Gives Timed Lyrics the network of the tests in the place of its first model."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "replace"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        return {"required": {"lyrics": ("STRING", {}), "pack": ("STRING", {})}}

    def replace(self, lyrics, pack):
        import folder_paths  # pyright: ignore[reportMissingImports]
        import torch
        import torchaudio

        path = Path(pack) / "tests" / "music" / "ctc" / "network.py"
        spec: Any = importlib.util.spec_from_file_location("small_network", path)
        network = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(network)

        class Bundle:
            def get_model(self, *, dl_kwargs):
                found = network.SmallCtc()
                file = Path(dl_kwargs["model_dir"]) / dl_kwargs["file_name"]
                saved = torch.load(file, weights_only=True)
                found.load_state_dict({name: value.float() for name, value in saved.items()})
                return found.eval()

            def get_labels(self):
                return network.LABELS

        content = network.WEIGHTS.read_bytes()
        folder = Path(folder_paths.get_folder_paths("audio_encoders")[0])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "small.pt").write_bytes(content)
        pipelines: Any = torchaudio.pipelines
        pipelines.SMALL = Bundle()
        (models,) = (
            module.MODELS for name, module in sys.modules.items() if name.endswith("ctc_models")
        )
        first = next(iter(models))
        digest = hashlib.sha256(content).hexdigest()
        models[first] = models[first]._replace(
            bundle="SMALL", file="small.pt", size=len(content), sha256=digest
        )
        return (lyrics,)


def loaded(text):
    return json.loads(text)


NODE_CLASS_MAPPINGS = {
    "TestValues": Values,
    "TestValue": Value,
    "TestBlocked": Blocked,
    "TestGate": Gate,
    "TestSmallNetwork": SmallNetwork,
}
