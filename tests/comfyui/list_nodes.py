"""Nodes for tests only: lists of any values, a list with blocked items, and a gate."""

import json
import time
from pathlib import Path

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


def loaded(text):
    return json.loads(text)


NODE_CLASS_MAPPINGS = {
    "TestValues": Values,
    "TestValue": Value,
    "TestBlocked": Blocked,
    "TestGate": Gate,
}
