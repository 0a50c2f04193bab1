"""A client that a test freezes: it orders a track, waits for a line, and loads the track."""

from __future__ import annotations

import asyncio
import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    # Continue as a module of the pack, because its imports are relative.
    lib = Path(__file__).resolve().parents[2] / "scripts" / "lib"
    sys.exit(runpy.run_path(str(lib / "pack.py"))["run"]("tests.api.frozen_client"))

from ...api.account import Account
from ...api.base.request import MusicRequest
from ...api.library import Library
from ...api.settings import Settings
from ..gateway import TIMING


async def played(account: Account) -> int:
    """Order a track, wait for a line meanwhile, and load the track; return its size."""
    await account.balance()  # leaves a connection open
    job = await account.submit(MusicRequest("piano", 5.0, format="wav"), Settings(), run="run")
    waiting = asyncio.ensure_future(account.wait(job, timeout=60, progress=lambda progress: None))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    done = await waiting
    assert done.result_url is not None
    track = await account.open(done.result_url, Settings())
    await account.download(track)
    return len(track.content())


def main() -> int:
    base_url, folder = sys.argv[1:]
    library = Library(Path(folder), TIMING)
    account = Account("test", base_url, None, library, TIMING)
    print(asyncio.run(played(account)), flush=True)
    account.close()
    library.close()
    return 0
