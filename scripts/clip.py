"""Draw the clip of the example workflows: `python3 scripts/clip.py`. It needs espeak-ng."""

from __future__ import annotations

import sys

from lib import environment


def main() -> int:
    environment.enter("run")
    from lib import example_clip

    path = environment.ROOT / "example_workflows" / "clip.mp4"
    example_clip.write(path)
    print(f"Wrote {path.relative_to(environment.ROOT)}: {path.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
