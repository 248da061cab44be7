"""Random changes to a batch of training pictures. All numbers come from the generator given."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def crop_and_flip(
    pictures: Tensor, random: np.random.Generator, padding_px: int, flip: float
) -> Tensor:
    """Shift each picture by up to `padding_px` and mirror it with probability `flip`.

    `pictures` is float [n, 3, height, width], with sides longer than `padding_px`; so is the
    result. What a shift uncovers is the reflection of the picture.
    """
    count, _, height, width = pictures.shape
    padded = functional.pad(pictures, [padding_px] * 4, mode="reflect")
    corners = random.integers(0, 2 * padding_px, size=(count, 2), endpoint=True).tolist()
    mirrored = (random.random(count) < flip).tolist()
    changed = torch.empty_like(pictures)
    for index, (top, left) in enumerate(corners):
        crop = padded[index, :, top : top + height, left : left + width]
        changed[index] = crop.flip(-1) if mirrored[index] else crop
    return changed


def mixup(
    pictures: Tensor, targets: Tensor, random: np.random.Generator, alpha: float
) -> tuple[Tensor, Tensor]:
    """Blend each picture and its target [n, classes] with its neighbour's; alpha 0 changes nothing.

    Zhang et al., 'mixup: Beyond Empirical Risk Minimization', 2018.
    """
    if alpha == 0:
        return pictures, targets
    share = float(random.beta(alpha, alpha))
    blended = torch.lerp(pictures.roll(1, 0), pictures, share)
    return blended, torch.lerp(targets.roll(1, 0), targets, share)
