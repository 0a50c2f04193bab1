"""ComfyUI's VIDEO."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def components_of(video: Any) -> Any:
    """Frames, rate and audio of a VIDEO in memory; None for a VIDEO in a file."""
    from comfy_api.latest import InputImpl

    in_memory = isinstance(video, InputImpl.VideoFromComponents)
    return video.get_components() if in_memory else None


def video_of(path: Path) -> Any:
    """The VIDEO in a file."""
    from comfy_api.latest import InputImpl

    return InputImpl.VideoFromFile(str(path))
