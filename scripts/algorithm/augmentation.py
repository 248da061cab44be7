"""Random changes to a batch of training pictures. All numbers come from the generator given."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def move(
    pictures: Tensor,
    random: np.random.Generator,
    *,
    shift: float,
    zoom: float,
    rotation: float,
    flip: float,
) -> Tensor:
    """Each picture in another place, size and direction, drawn for it alone.

    `pictures` is float [n, 3, side, side]; so is the result. A picture is shifted by up to `shift`
    of its side, made larger or smaller by a factor of up to e**`zoom`, turned by up to `rotation`
    degrees, and mirrored left to right with probability `flip`. What this uncovers is the
    reflection of the picture.
    """
    count = len(pictures)
    angle = np.radians(random.uniform(-rotation, rotation, count))
    factor = np.exp(random.uniform(-zoom, zoom, count))
    mirror = np.where(random.random(count) < flip, -1.0, 1.0)
    # From each place in the result to the place in the picture that is seen there; the sides of
    # both are at -1 and 1.
    places = np.empty((count, 2, 3), dtype=np.float32)
    places[:, 0, 0], places[:, 0, 1] = mirror * np.cos(angle) / factor, -np.sin(angle) / factor
    places[:, 1, 0], places[:, 1, 1] = mirror * np.sin(angle) / factor, np.cos(angle) / factor
    places[:, :, 2] = random.uniform(-2 * shift, 2 * shift, (count, 2))
    grid = functional.affine_grid(
        torch.from_numpy(places).to(pictures.device), list(pictures.shape), align_corners=False
    )
    return functional.grid_sample(
        pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


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
