"""Beat in an otherwise idle process until stdin closes; print the longest wait in seconds.

`reset` on a line of stdin begins anew. The machine alone causes the waits of this process.
"""

from __future__ import annotations

import sys
import threading
import time

BEAT = 0.005
longest = 0.0


def beat() -> None:
    global longest
    while True:
        began = time.monotonic()
        time.sleep(BEAT)
        longest = max(longest, time.monotonic() - began - BEAT)


if __name__ == "__main__":
    threading.Thread(target=beat, daemon=True).start()
    for _line in sys.stdin:
        longest = 0.0
    print(longest)
