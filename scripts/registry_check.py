"""Print what the Registry's scanner finds in the archive: `python3 scripts/registry_check.py`."""

from __future__ import annotations

from lib import environment, pack


def main() -> int:
    environment.enter("run", "dev")
    return pack.run("tests.registry.check")


if __name__ == "__main__":
    environment.run(main)
