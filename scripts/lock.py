"""Lock the versions and hashes of all that .venv holds: `python3 scripts/lock.py [--upgrade]`.

Reads requirements.txt, requirements-farm.txt and pyproject.toml, writes requirements/*.txt. Run it
after a change of a requirement. Without `--upgrade` a version changes only where it no longer fits.
"""

from __future__ import annotations

import argparse
import sys

from lib import environment, locks


def main() -> int:
    parser = argparse.ArgumentParser(description="Lock what .venv holds in requirements/*.txt.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    options = parser.parse_args()
    try:
        for name in locks.SOURCES:
            arguments = locks.compile_arguments(name, options.upgrade)
            environment.run_uv(environment.VENV, arguments, f"Locking {name}")
            locks.sign(name)
            print(f"Wrote {locks.path_of(name).relative_to(locks.ROOT)}")
    except environment.SetupError as failed:
        sys.exit(str(failed))
    return 0


if __name__ == "__main__":
    environment.run(main)
