"""From an array of pixels to ComfyUI's IMAGE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch


def image_of(picture: npt.NDArray[np.uint8]) -> torch.Tensor:
    """RGB [height, width, 3] as float32 [1, height, width, 3] from 0 to 1."""
    import numpy as np
    import torch

    # The picture may be read-only, of which torch warns.
    return torch.from_numpy(np.divide(picture, 255, dtype=np.float32)).unsqueeze(0)
