"""ResNet: what an image shows, as class scores, as a vector of features, and as feature maps (He et al., 2015).

It classifies and generates nothing, so it is no network of the zoo. Weights are named as in the usual published
checkpoints (conv1, bn1, layer1.0.conv1, ..., fc). A bottleneck halves the resolution in its 3x3 convolution, not in the
1x1 before it, which would pass over three pixels of four (Goyal et al., 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

STAGES = 4


@dataclass(frozen=True)
class Params:
    in_channels: int = 3
    classes: int = 1000
    block: Literal["basic", "bottleneck"] = "basic"
    blocks: tuple[int, int, int, int] = (2, 2, 2, 2)
    """Blocks in each stage."""
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    """Channels of each stage; a bottleneck gives four times as many."""
    stem: Literal["large", "small"] = "large"
    """large: 7x7 and a maximum, each of which halves the resolution; small: 3x3 that halves it, for small windows."""

    def __post_init__(self) -> None:
        if self.block not in BLOCKS or self.stem not in ("large", "small"):
            raise ValueError(f"its block is {self.block!r}, its stem {self.stem!r}")
        counts = (self.in_channels, self.classes, *self.blocks, *self.widths)
        if len(self.blocks) != STAGES or len(self.widths) != STAGES or min(counts) < 1:
            raise ValueError(f"it needs {STAGES} stages, and at least one of everything")


class Basic(nn.Module):
    """relu(x + bn(conv(relu(bn(conv(x)))))), 3x3."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(in_channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, width, H / stride, W / stride)."""
        found = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(found)) + self.downsample(x))


class Bottleneck(nn.Module):
    """The same with 1x1 to fewer channels, 3x3, and 1x1 to four times as many."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, self.expansion * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(self.expansion * width)
        self.downsample = _shortcut(in_channels, self.expansion * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, 4 width, H / stride, W / stride)."""
        found = torch.relu(self.bn1(self.conv1(x)))
        found = torch.relu(self.bn2(self.conv2(found)))
        return torch.relu(self.bn3(self.conv3(found)) + self.downsample(x))


BLOCKS: dict[str, type[Basic | Bottleneck]] = {"basic": Basic, "bottleneck": Bottleneck}

PRESETS: Mapping[str, Params] = {
    "resnet18": Params(),
    "resnet50": Params(block="bottleneck", blocks=(3, 4, 6, 3)),
    "small": Params(blocks=(1, 1, 1, 1), widths=(24, 48, 96, 128), stem="small"),
}


class ResNet(nn.Module):
    """The network.

    Args:
        params: Its size.
    """

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params
        size, padding = (7, 3) if params.stem == "large" else (3, 1)
        width = params.widths[0]
        self.conv1 = nn.Conv2d(params.in_channels, width, size, 2, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(3, 2, padding=1) if params.stem == "large" else nn.Identity()
        block = BLOCKS[params.block]
        outs = [block.expansion * stage for stage in params.widths]
        sizes = zip([width, *outs], params.widths, params.blocks, (1, 2, 2, 2), strict=False)
        self.layer1, self.layer2, self.layer3, self.layer4 = (_stage(block, *size) for size in sizes)
        self.feature_count = outs[-1]
        self.fc = nn.Linear(self.feature_count, params.classes)
        self._begin()

    def _begin(self) -> None:
        """Weights as in He et al., "Delving deep into rectifiers", 2015."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stages(self, x: Tensor) -> list[Tensor]:
        """(N, in, H, W) to the feature maps of the four stages, each with half the resolution of the one before."""
        found = self.pool(torch.relu(self.bn1(self.conv1(x))))
        maps = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            found = layer(found)
            maps.append(found)
        return maps

    def features(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, feature_count): the mean of the last feature map."""
        return self.stages(x)[-1].mean(dim=(-2, -1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) of any size -> (N, classes) scores before softmax or sigmoid."""
        scores: Tensor = self.fc(self.features(x))
        return scores


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Passes on what fits; else a 1x1 convolution that makes it fit."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))


def _stage(block: type[Basic | Bottleneck], in_channels: int, width: int, count: int, stride: int) -> nn.Sequential:
    out_channels = block.expansion * width
    first = block(in_channels, width, stride)
    return nn.Sequential(first, *(block(out_channels, width, 1) for _ in range(count - 1)))
