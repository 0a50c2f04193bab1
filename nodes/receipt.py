"""The tags of a saved file, with graph and receipt, and the file's entry in `manifest.json`."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..files.atomic import write_file
from ..files.hashed import digest_of
from ..sandbox import SKETCH_NOTICE
from .disclosure import (
    TITLE_LENGTH,
    OriginMarks,
    credit,
    credits_of,
    day_of,
    licence_note,
    model_of,
    source_type,
    steam_text,
)
from .engines import MARK, files_for_engines

if TYPE_CHECKING:
    from ..api.money.job import Job

_GENERATOR = "AIgateway Music"
_MOST_MANIFESTS = 1000
_MOST_TEXT = 1 << 20

# The files of a list are saved at the same time.
_manifest_lock = threading.Lock()


def graph_tags(prompt: Any, extra_pnginfo: Mapping[str, Any] | None) -> dict[str, str]:
    """The graph, in the form that ComfyUI's frontend reads from a file: strict JSON in ASCII."""
    tags = {key: _json(value) for key, value in (extra_pnginfo or {}).items()}
    if prompt is not None:
        tags["prompt"] = _json(prompt)
    return tags


def _json(value: Any) -> str:
    """`value` as JSON. NaN and infinity become null, as in JavaScript."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {
            _finite(key) if isinstance(key, float) else key: _finite(item)
            for key, item in value.items()
        }
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def job_tags(job: Job, measured_duration: float, title: str = "") -> dict[str, str]:
    """The title, the credit line and the receipt of a track, without a key or a signed address.

    If `title` is empty, the title is the first words of the prompt.
    """
    receipt = {
        "model": job.model,
        "selected_model": model_of(job),
        "prompt": job.prompt,
        "take": job.take,
        "job_id": job.job_id,
        "requested_duration": job.duration,
        "measured_duration": round(measured_duration, 6),
        "price_usd": job.charge,
        "service": job.service,
        "digital_source_type": source_type(job),
        "credit": credit(job),
    }
    tags = {"title": title or job.prompt[:TITLE_LENGTH], "credit": credit(job)}
    tags["receipt"] = json.dumps(receipt)
    if job.is_free:
        tags["comment"] = SKETCH_NOTICE
    return tags


def manifest_entry(
    files: Sequence[Path],
    name: str,
    title: str,
    job: Job | None,
    duration: float,
    loop: dict[str, Any] | None,
    marks: OriginMarks,
    licence: str,
    changes: Sequence[str],
) -> dict[str, Any]:
    """The entry of one file, for a program that publishes the files of the folder.

    Args:
        files: the audio file, and the files beside it that the pack wrote.
        job: the job that made the audio; None if it is not known.
        duration: the length in seconds.
        loop: from `loop_facts`.
        licence: the person's words; if empty, a note names the place of the rules.
        changes: what was changed since the gateway delivered the track.
    """
    by_job: dict[str, Any] = {}
    if job is not None:
        by_job = {
            "credit": credit(job),
            "licence": licence or licence_note(job),
            "date": day_of(job),
            "digital_source_type": source_type(job),
            "changes": list(changes),
            "origin": marks.value,
        }
    return {
        "file": files[0].name,
        "name": name,
        "title": title or (job.prompt[:TITLE_LENGTH] if job else name),
        "prompt": job.prompt if job else None,
        "model": model_of(job) if job else None,
        "take": job.take if job else None,
        "job_id": job.job_id if job else None,
        "price_usd": job.charge if job else None,
        "duration": round(duration, 6),
        "loop": loop,
        "credit": None,
        "licence": licence or None,
        **by_job,
        "sha256": {file.name: [digest_of(file)] for file in files},
    }


class Listed(NamedTuple):
    """An audio file in a manifest.

    Attributes:
        is_own: `path` is free, or has the file that the pack wrote.
        beside: files of the pack beside it, unchanged.
    """

    path: Path
    is_own: bool
    beside: list[Path]


def listed_files(folder: Path, name: str, extension: str) -> list[Listed]:
    """The files with this extension that the folder's manifest lists under `name`."""
    found: list[Listed] = []
    for entry in _own_manifest(folder)[1]:
        # A name with a folder in it would lead out of this one.
        path = folder / Path(entry["file"]).name
        if entry.get("name") == name and path.suffix == extension:
            hashes = _hashes(entry)
            files = [folder / Path(file).name for file in hashes]
            beside = [file for file in files if file != path and _is_written(file, hashes)]
            is_own = not path.exists() or _is_written(path, hashes)
            found.append(Listed(path, is_own, beside))
    return found


def _hashes(entry: Mapping[str, Any]) -> dict[str, list[str]]:
    """The SHA-256 of each file of an entry; several while one file takes the place of another."""
    hashes = entry.get("sha256")
    return hashes if isinstance(hashes, dict) else {}


def _is_written(file: Path, hashes: Mapping[str, list[str]]) -> bool:
    try:
        return digest_of(file) in hashes[file.name]
    except (OSError, KeyError, TypeError):
        return False


def expect_in_manifest(path: Path, new: Mapping[str, str]) -> None:
    """Note SHA-256 of files that will be at `path` and beside it, before they are written.

    If the process is killed in between, the pack still recognises both the old files and the new
    ones.

    Args:
        new: by the names of the files.

    Raises:
        OSError: the folder cannot be written.
    """
    with _manifest_lock:
        manifest, entries = _own_manifest(path.parent)
        for entry in entries:
            if entry["file"] == path.name:
                known = _hashes(entry)
                added = {file: [*known.get(file, []), digest] for file, digest in new.items()}
                entry["sha256"] = {**known, **added}
        _write_manifest(manifest, entries)


def add_to_manifest(folder: Path, new: dict[str, Any]) -> tuple[list[Path], list[Path]]:
    """Add an entry to the folder's manifest, and write its CREDITS.md and the files for engines.

    Removes entries of lost files.

    A `manifest.json` or `CREDITS.md` of another program is never changed: the pack then writes
    `manifest_2.json` and `CREDITS_2.md`. A file for an engine that another program wrote or changed
    stays as it is.

    Returns:
        the paths of all that are written, and of files for engines that stay.

    Raises:
        OSError: the folder cannot be written.
    """
    with _manifest_lock:
        path, entries = _own_manifest(folder)
        kept = [old for old in entries if old["file"] != new["file"]]
        kept = [old for old in kept if (folder / old["file"]).is_file()]
        _write_manifest(path, [*kept, new])
        credits = _own_path(folder, "CREDITS", ".md", _is_own)
        entries = [*kept, new]
        texts = {folder / name: text for name, text in files_for_engines(entries).items()}
        if text := credits_of(entries):
            texts[credits] = text
        else:
            credits.unlink(missing_ok=True)
        stays = [file for file in texts if file.exists() and not _is_own(file)]
        written = [file for file in texts if file not in stays]
        for file in written:
            write_file(file, texts[file].encode(), durable=False)
    return [path, *written], stays


def _is_own(path: Path) -> bool:
    """Whether the file says that the pack wrote it."""
    try:
        with path.open("rb") as file:
            return MARK.encode() in file.read(_MOST_TEXT)
    except OSError:
        return False


def _write_manifest(path: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    content: dict[str, Any] = {"generator": _GENERATOR, "files": list(entries)}
    if steam := steam_text(entries):
        content["disclosure"] = {"steam": steam}
    write_file(path, json.dumps(content, indent=2, ensure_ascii=False).encode(), durable=False)


def _own_manifest(folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """The path of this pack's manifest in a folder, or a free path for it; and its entries."""
    path = _own_path(folder, "manifest", ".json", lambda path: _entries_of(path) is not None)
    return path, _entries_of(path) or []


def _own_path(folder: Path, stem: str, suffix: str, is_own: Callable[[Path], bool]) -> Path:
    """The path of a file of this pack in a folder, or a free path for it."""
    for number in range(1, _MOST_MANIFESTS):
        path = folder / f"{stem}{'' if number == 1 else f'_{number}'}{suffix}"
        if not path.exists() or is_own(path):
            return path
    raise FileExistsError(
        f"{folder} has {_MOST_MANIFESTS} files {stem} of others: remove some of them."
    )


def _entries_of(path: Path) -> list[dict[str, Any]] | None:
    """The entries of a manifest; None if another program wrote it."""
    try:
        content = json.loads(path.read_bytes())
        is_ours = content["generator"] == _GENERATOR
        entries = [dict(each) for each in content["files"] if isinstance(each["file"], str)]
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        return None
    return entries if is_ours else None
