"""The programs that run ComfyUI on a farm: which files of a run each of them gives back.

Only their rules are here, in our own words. Each was read in its source: worker-comfyui 5.8.5,
SaladTechnologies' comfyui-api 1.17.1, cog-comfyui of November 2025, Modal's example,
comfy-pack 0.4, comfyui-deploy of November 2025, comfy-api-proxy 0.1.6.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Item = Mapping[str, Any]

KINDS = ("images", "gifs", "audio", "text", "files", "latents")


@dataclass(frozen=True)
class Run:
    """One prompt that has ended.

    Attributes:
        prompt: as `POST /prompt` took it.
        outputs: as `GET /history` returns them: the ui output by node id.
        output: ComfyUI's output folder.
    """

    prompt: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]
    output: Path

    def items(self, *kinds: str) -> Iterator[tuple[str, Item]]:
        """The entries of these keys that name a file. No kind: all of them."""
        for shown in self.outputs.values():
            for kind, entries in shown.items():
                if not kinds or kind in kinds:
                    for entry in entries:
                        if isinstance(entry, Mapping) and entry.get("filename"):
                            yield kind, entry

    def path(self, entry: Item) -> Path:
        return self.output / entry.get("subfolder", "") / entry["filename"]


def worker_comfyui(run: Run) -> list[Path]:
    """Images that are no temporary ones; another key is printed and dropped."""
    return [run.path(entry) for _, entry in run.items("images") if entry["type"] != "temp"]


def salad(run: Run) -> list[Path]:
    """Every named file at the top of the output folder: `subfolder` is not read.

    An entry that is null ends the request.
    """
    for shown in run.outputs.values():
        for entries in shown.values():
            if None in entries:
                raise TypeError("an entry is null")
    found = [run.output / entry["filename"] for _, entry in run.items()]
    return [path for path in found if path.is_file()]


def cog(run: Run) -> list[Path]:
    """Every file below the output folder."""
    return sorted(path for path in run.output.rglob("*") if path.is_file())


def modal_example(run: Run) -> list[Path]:
    """What begins with the prefix of the first SaveImage, at the top of the output folder.

    Raises IndexError where the prompt has no SaveImage.
    """
    savers = [node for node in run.prompt.values() if node["class_type"] == "SaveImage"]
    prefix = savers[0]["inputs"]["filename_prefix"]
    return [path for path in run.output.iterdir() if path.name.startswith(prefix)]


def comfy_pack(run: Run) -> list[Path]:
    """What its own output nodes save; no file of another node."""
    return []


def comfy_deploy(run: Run) -> list[Path]:
    """Files of seven keys that are no temporary ones."""
    kinds = ("images", "files", "gifs", "model_file", "result", "text_file", "audio")
    return [run.path(entry) for _, entry in run.items(*kinds) if entry["type"] != "temp"]


def comfy_api_proxy(run: Run) -> list[Path]:
    """Files of six keys."""
    return [run.path(entry) for _, entry in run.items(*KINDS)]


COLLECTORS: dict[str, Callable[[Run], list[Path]]] = {
    "worker-comfyui (RunPod)": worker_comfyui,
    "comfyui-api (Salad)": salad,
    "cog-comfyui (Replicate)": cog,
    "Modal's example": modal_example,
    "comfy-pack (BentoML)": comfy_pack,
    "ComfyDeploy": comfy_deploy,
    "comfy-api-proxy (API v2)": comfy_api_proxy,
}


def is_audio(filename: str) -> bool:
    """Whether Python's own table of media types, without the system's, calls a file audio."""
    kind, _ = mimetypes.MimeTypes().guess_type(filename)
    return (kind or "").startswith("audio/")


def local_inputs(inputs: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """cog-comfyui's inputs: a downloaded file's path replaces each web address."""
    return {
        name: str(folder / value.rpartition("/")[2])
        if isinstance(value, str) and value.startswith(("http://", "https://"))
        else value
        for name, value in inputs.items()
    }
