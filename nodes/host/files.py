"""ComfyUI's folders, and the files in them."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import NamedTuple

from ...files.atomic import rename_over, rename_to_new, write_file, write_new_file
from ...files.hashed import hashed_name, is_whole
from ...files.size_limit import make_room
from .running import log, unfinished

LOADED_LIMIT = 2_000_000_000
"""Limit on the bytes of all copies of foreign files together."""

SAMPLE_CLIP = "aigateway-clip.mp4"
"""The clip that the templates begin with, in ComfyUI's input folder."""

_SAMPLE = Path(__file__).resolve().parents[2] / "example_workflows" / "clip.mp4"
_DATA_DIRECTORY_VARIABLE = "AIGATEWAY_DATA_DIR"


class SavedFile(NamedTuple):
    """The path of a saved file, and its folder relative to ComfyUI's output folder."""

    path: Path
    subfolder: str


def data_directory() -> Path:
    """The folder of the ledger, the settings and the store, as a whole path.

    ComfyUI does not serve this folder to browsers.
    """
    # docker's `--env-file` keeps the quotes around a value.
    chosen = os.environ.get(_DATA_DIRECTORY_VARIABLE, "").strip().strip("\"'")
    if chosen:
        # If the system does not know the home folder, `~` stays in the path.
        return Path(os.path.expanduser(chosen)).absolute()
    import folder_paths

    return Path(folder_paths.get_system_user_directory("aigateway"))


def temporary_path(suffix: str) -> Path:
    """A new path in a folder that ComfyUI empties when it starts; see `unfinished`."""
    import folder_paths

    directory = Path(folder_paths.get_temp_directory()) / "aigateway"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{uuid.uuid4().hex}{suffix}"
    unfinished(path)
    return path


def temporary_file(content: bytes | memoryview) -> Path:
    """A file with `content`, named by its hash, in a folder that ComfyUI empties when it starts.

    While the folder has more than LOADED_LIMIT bytes, the least recently used files are removed.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    import folder_paths

    folder = Path(folder_paths.get_temp_directory()) / "aigateway_loaded"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashed_name(content)
    # Hidden files are not complete: another call is writing them.
    others = [file for file in folder.glob("[!.]*") if file != path]
    make_room(others, LOADED_LIMIT - len(content))
    with contextlib.suppress(OSError):
        if is_whole(path):
            os.utime(path)
            return path
    write_file(path, content, durable=False)
    return path


def output_directory() -> Path:
    import folder_paths

    return Path(folder_paths.get_output_directory())


def draft_path(prefix: str, extension: str) -> Path:
    """A hidden path for an unfinished file, in the folder of the finished one.

    Raises the exception that ComfyUI raises for a path outside output/.
    """
    import folder_paths

    folder = folder_paths.get_save_image_path(prefix, str(output_directory()))[0]
    return Path(folder) / f".aigateway-{uuid.uuid4().hex}{extension}"


def publish(draft: Path, prefix: str) -> SavedFile:
    """Give a finished file the next free number of its name in the output folder.

    Args:
        draft: a file at a `draft_path` of the same prefix.
        prefix: a relative path without refused characters, see `safe_prefix`.

    Raises the exception that ComfyUI raises for a path outside output/.
    """
    import folder_paths

    while True:
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            prefix, str(output_directory())
        )
        path = Path(folder) / f"{name}_{counter:05}_{draft.suffix}"
        # Another node or another server may take the number first.
        with contextlib.suppress(FileExistsError):
            rename_to_new(draft, path)
            return SavedFile(path, subfolder)


def publish_over(draft: Path, target: Path) -> SavedFile:
    """Put a finished file in the place of `target`, a file in the output folder, in one step.

    Args:
        draft: a file in the folder of `target`.
    """
    rename_over(draft, target)
    subfolder = target.parent.resolve().relative_to(output_directory().resolve())
    return SavedFile(target, subfolder.as_posix().removeprefix("."))


def offer_sample_clip() -> None:
    """Copy the templates' clip into ComfyUI's input folder, unless a file has that name."""
    import folder_paths

    folder = Path(folder_paths.get_input_directory())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_new_file(folder / SAMPLE_CLIP, _SAMPLE.read_bytes(), durable=False)
    except FileExistsError:
        pass
    except OSError as error:
        log.warning("The templates' sample clip could not be put into %s: %s", folder, error)


def input_files(suffixes: tuple[str, ...]) -> list[str]:
    """The files in ComfyUI's input folder with one of these endings, in lower case, sorted.

    The list is empty if the folder does not exist or cannot be read.
    """
    import folder_paths

    root = Path(folder_paths.get_input_directory())
    with contextlib.suppress(OSError):
        found = (path for path in root.iterdir() if path.suffix.lower() in suffixes)
        return sorted(path.name for path in found if path.is_file())
    return []


_SPEECH_MODELS = "audio_encoders"
"""ComfyUI's folder for networks that hear."""


def model_file(name: str) -> Path | None:
    """A file in ComfyUI's folders of audio encoders, also those of `extra_model_paths.yaml`."""
    import folder_paths

    found = folder_paths.get_full_path(_SPEECH_MODELS, name)
    return None if found is None else Path(found)


def model_target(name: str) -> Path:
    """The path at which a new model file is found later."""
    import folder_paths

    return Path(folder_paths.get_folder_paths(_SPEECH_MODELS)[0]) / name


def shown_file(filename: str, subfolder: str, folder: str) -> Path | None:
    """A file in ComfyUI's output, input or temp folder; None if it does not exist."""
    import folder_paths

    root = folder_paths.get_directory_by_type(folder)
    if root is None:
        return None
    root = Path(root).resolve()
    try:
        path = (root / subfolder / filename).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None
    except (OSError, ValueError):
        # The name cannot be that of a file: it is too long, or contains a NUL.
        return None


def own_file(name: str) -> Path | None:
    """A file in ComfyUI's output or input folder, by its path there or its whole path.

    ComfyUI writes `song.flac [input]` for a file of the input folder. Double quotes around the path
    are removed: Windows adds them when a person copies a path.
    """
    for folder in ("output", "input"):
        bare = name.strip().strip('"').strip().removesuffix(f"[{folder}]").rstrip().strip('"')
        # An absolute path does not change.
        found = shown_file(bare, "", folder)
        if found is not None:
            return found
    return None


def served(path: Path) -> dict[str, str]:
    """The names by which a browser asks for a file of the output or input folder.

    Raises:
        ValueError: the file is in neither folder.
    """
    import folder_paths

    for folder in ("output", "input"):
        root = Path(folder_paths.get_directory_by_type(folder)).resolve()
        if path.is_relative_to(root):
            within = path.relative_to(root)
            subfolder = within.parent.as_posix().removeprefix(".")
            return {"filename": path.name, "subfolder": subfolder, "type": folder}
    raise ValueError(f"{path} is in neither folder")


def writes_metadata() -> bool:
    """Whether files may hold the workflow (ComfyUI's option `--disable-metadata` forbids it)."""
    from comfy.cli_args import args

    return not getattr(args, "disable_metadata", False)
