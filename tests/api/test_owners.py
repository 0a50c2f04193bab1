"""The lock files of processes: dead ones go, a few at each start, and living ones stay."""

from __future__ import annotations

import uuid
from pathlib import Path

from ...api.money.sqlite import Owners


def test_many_files_of_dead_processes_go_in_a_few_starts(tmp_path: Path) -> None:
    for _ in range(250):
        (tmp_path / f"{uuid.uuid4().hex}.lock").touch()
    left = []
    for _ in range(4):
        Owners(tmp_path).close()
        left.append(len(list(tmp_path.iterdir())))
    assert left[0] >= 100
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0


def test_a_dead_process_is_known_as_dead_before_its_file_is_swept(tmp_path: Path) -> None:
    names = [uuid.uuid4().hex for _ in range(250)]
    for name in names:
        (tmp_path / f"{name}.lock").touch()
    ours = Owners(tmp_path)
    assert not any(map(ours.is_living, names))
    assert ours.is_living(ours.ours)
    ours.close()
