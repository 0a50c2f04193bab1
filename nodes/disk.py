"""The sentence for a file that cannot be written or read."""

from __future__ import annotations

import errno
from pathlib import Path

from ..api.errors import GatewayError

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class FileError(GatewayError):
    """A file cannot be written or read."""


def explained_file(error: OSError) -> FileError:
    """An error of the system with advice. Only the name of the file is said, not its folder."""
    name = Path(str(error.filename)).name if error.filename else ""
    which = f"The file {name}" if name else "A file"
    said = error.strerror or "no reason is given"
    if error.errno in _FULL:
        advice = "free some space on the disk, or choose another folder"
    elif error.errno in _FORBIDDEN:
        advice = "let ComfyUI write there, or choose another folder"
    else:
        advice = "check the disk and its folder"
    return FileError(
        f"{which} cannot be written or read ({said}): {advice}, and queue again. A bought track is "
        "not paid again."
    )
