"""`manifest.json`: what each file of a folder is, for the program that ships them."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files.atomic import write_file
from . import receipt

if TYPE_CHECKING:
    from ..api.money.job import Job

_GENERATOR = "AIgateway Music"
_MOST_NAMES = 1000

# The files of a list are saved side by side.
_lock = threading.Lock()


def entry(
    file: Path,
    name: str,
    title: str,
    job: Job | None,
    duration: float,
    loop: dict[str, Any] | None,
) -> dict[str, Any]:
    """What the manifest says of one file. `job` None: nothing is known of where the audio is from.

    `duration` in seconds; `loop` from `loop_facts`.
    """
    return {
        "file": file.name,
        "name": name,
        "title": title or (job.prompt[:100] if job else name),
        "prompt": job.prompt if job else None,
        "model": (job.selected or job.model) if job else None,
        "take": job.take if job else None,
        "job_id": job.job_id if job else None,
        "price_usd": job.charge if job else None,
        "duration": round(duration, 6),
        "loop": loop,
        "credit": receipt.credit(job) if job else None,
        "licence": receipt.licence_note(job) if job else None,
    }


def add(folder: Path, new: dict[str, Any]) -> Path:
    """Add an entry to the folder's manifest, and return its path. Entries of lost files go.

    A `manifest.json` that somebody else wrote is never changed: ours is called `manifest_2.json`
    then.

    Raises:
        OSError: the folder cannot be written.
    """
    with _lock:
        path, entries = _own(folder)
        kept = [old for old in entries if old["file"] != new["file"]]
        kept = [old for old in kept if (folder / old["file"]).is_file()]
        content = {"generator": _GENERATOR, "files": [*kept, new]}
        write_file(path, json.dumps(content, indent=2, ensure_ascii=False).encode(), durable=False)
    return path


def _own(folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """The manifest of this pack in a folder, or a free name for it, and its entries."""
    for number in range(1, _MOST_NAMES):
        path = folder / ("manifest.json" if number == 1 else f"manifest_{number}.json")
        if not path.exists():
            return path, []
        entries = _entries(path)
        if entries is not None:
            return path, entries
    raise FileExistsError(f"{folder} has {_MOST_NAMES} manifests of others: remove some of them.")


def _entries(path: Path) -> list[dict[str, Any]] | None:
    """The entries of a manifest; None where another program wrote it."""
    try:
        content = json.loads(path.read_bytes())
        is_ours = content["generator"] == _GENERATOR
        entries = [dict(each) for each in content["files"] if isinstance(each["file"], str)]
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        return None
    return entries if is_ours else None
