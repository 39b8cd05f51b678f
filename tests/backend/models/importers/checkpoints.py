"""Checkpoints of each family with random weights, small ones, laid out as other programs lay theirs out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from unclouded.backend.models.network import Network
from unclouded.backend.models.zoo import build

from ..contract import randomised

DSEN2CR = {"in_channels": 15, "out_channels": 13, "features": 8, "blocks": 3}
UNCRTAINTS = {
    "bands": 13,
    "frame_channels": 16,
    "width": 16,
    "encoder_blocks": 1,
    "decoder_blocks": 2,
    "heads": 4,
    "key_width": 4,
    "attention_width": 16,
    "scale": 10.0,
}
OWN: dict[str, dict[str, Any]] = {
    "fusion": {"bands": 13, "widths": [8, 8, 16], "blocks": [1, 1, 2], "rest": 0.01, "cell_px": 4},
    "stgan": {
        "bands": 4,
        "frame_channels": 6,
        "frames": 3,
        "widths": [4, 8, 8],
        "encoder_blocks": 1,
        "decoder_blocks": 2,
    },
    "hybrid": {
        "bands": 4,
        "frame_channels": 7,
        "frames": 3,
        "widths": [4, 8, 8],
        "encoder_blocks": 1,
        "decoder_blocks": 2,
        "refiner_blocks": 1,
    },
    "augmented": {"in_channels": 3, "out_channels": 3, "width": 4, "blocks": 2, "latent": 5},
}


def network(architecture: str, parameters: dict[str, Any]) -> Network:
    return randomised(build(architecture, parameters))


def dsen2cr(folder: Path) -> str:
    """As the authors' PyTorch code saves it."""
    path = folder / "latest_net_ResNet.pth"
    torch.save(network("dsen2cr", DSEN2CR).state_dict(), path)
    return str(path)


def keras2(folder: Path, parameters: dict[str, Any] = DSEN2CR) -> str:
    """As Keras 2.2.4 saves a whole model: names in fixed-length bytes, each weight in a group of its layer's name."""
    path = folder / "model_SARcarl.hdf5"
    state = network("dsen2cr", parameters).state_dict()
    layers = [key.removesuffix(".weight") for key in state if key.endswith(".weight")]
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = b'{"class_name": "Model"}'
        group = file.create_group("model_weights")
        names = [f"conv2d_{number}" for number in range(1, len(layers) + 1)]
        between = [name for conv in names for name in (conv, f"activation_{conv.rpartition('_')[2]}")]
        group.attrs["layer_names"] = np.array(between, "S")
        for name in between:
            group.create_group(name).attrs["weight_names"] = np.array([], "S1")
        for layer, name in zip(layers, names, strict=True):
            inner = group[name]
            inner.attrs["weight_names"] = np.array([f"{name}/kernel:0", f"{name}/bias:0"], "S")
            inner[f"{name}/kernel:0"] = state[f"{layer}.weight"].permute(2, 3, 1, 0).numpy()
            inner[f"{name}/bias:0"] = state[f"{layer}.bias"].numpy()
        file.create_group("optimizer_weights")["iterations"] = np.int64(3)
    return str(path)


def uncrtaints(folder: Path) -> str:
    """As its authors' code saves it: the weights twice, counters, and an optimiser."""
    path = folder / "model.pth.tar"
    state = network("uncrtaints", UNCRTAINTS).state_dict()
    whole = {f"netG.{key}": value for key, value in state.items()}
    torch.save({"epoch": 20, "state_dict": whole, "state_dict_G": state, "scheduler_G": {"gamma": 0.8}}, path)
    (folder / "conf.json").write_text('{"scale_by": 10.0, "input_t": 3, "use_sar": true, "mean_nonLinearity": true}')
    return str(path)


class Translator(nn.Module):
    """A generator of the well-known repository: its modules are in `model`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.model(x)
        return result


class Level(nn.Module):
    """One level of the published U-Net, with the level inside it."""

    def __init__(
        self, outer: int, inner: int, channels: int, inside: nn.Module | None, norm: str, dropout: bool
    ) -> None:
        super().__init__()
        self.outermost = channels > 0
        bias = norm == "instance"
        layer = nn.InstanceNorm2d if bias else nn.BatchNorm2d
        down = nn.Conv2d(channels or outer, inner, 4, 2, 1, bias=bias)
        up = nn.ConvTranspose2d(inner if inside is None else 2 * inner, outer, 4, 2, 1, bias=bias or self.outermost)
        modules: list[nn.Module]
        if self.outermost:
            modules = [down, *([inside] if inside else []), nn.ReLU(), up, nn.Tanh()]
        elif inside is None:
            modules = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, layer(outer)]
        else:
            modules = [nn.LeakyReLU(0.2), down, layer(inner), inside, nn.ReLU(), up, layer(outer)]
        self.model = nn.Sequential(*modules, *([nn.Dropout(0.5)] if dropout else []))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.model(x)
        return result if self.outermost else torch.cat([x, result], dim=1)


def published_unet(channels: int = 3, bands: int = 3, norm: str = "batch", levels: int = 6) -> Translator:
    """The U-Net with 4 filters, from the inside out."""
    inside = Level(32, 32, 0, None, norm, False)
    for _ in range(levels - 5):
        inside = Level(32, 32, 0, inside, norm, True)
    for outer, inner in ((16, 32), (8, 16), (4, 8)):
        inside = Level(outer, inner, 0, inside, norm, False)
    return randomise(Translator(Level(bands, 4, channels, inside, norm, False)))


class ResidualBlock(nn.Module):
    def __init__(self, width: int, norm: str, dropout: bool) -> None:
        super().__init__()
        bias, layer = norm == "instance", nn.InstanceNorm2d if norm == "instance" else nn.BatchNorm2d
        first = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), layer(width), nn.ReLU()]
        second = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), layer(width)]
        self.conv_block = nn.Sequential(*first, *([nn.Dropout(0.5)] if dropout else []), *second)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.conv_block(x)
        return result


def published_resnet(
    channels: int = 3, bands: int = 3, norm: str = "instance", blocks: int = 9, dropout: bool = False
) -> Translator:
    """The residual generator with 4 filters."""
    bias, layer = norm == "instance", nn.InstanceNorm2d if norm == "instance" else nn.BatchNorm2d
    modules: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(channels, 4, 7, bias=bias), layer(4), nn.ReLU()]
    for width in (4, 8):
        modules += [nn.Conv2d(width, 2 * width, 3, 2, 1, bias=bias), layer(2 * width), nn.ReLU()]
    modules += [ResidualBlock(16, norm, dropout) for _ in range(blocks)]
    for width in (16, 8):
        up = nn.ConvTranspose2d(width, width // 2, 3, 2, 1, 1, bias=bias)
        modules += [up, layer(width // 2), nn.ReLU()]
    modules += [nn.ReflectionPad2d(3), nn.Conv2d(4, bands, 7), nn.Tanh()]
    return randomise(Translator(nn.Sequential(*modules)))


def randomise(module: Translator) -> Translator:
    """Random weights and statistics that all count."""
    torch.manual_seed(0)
    for name, value in module.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif value.is_floating_point():
            value.copy_(torch.randn_like(value) / max(value[:1].numel(), 4) ** 0.5)
    return module.eval()


def pix2pix(folder: Path) -> str:
    path = folder / "latest_net_G.pth"
    torch.save(published_unet().state_dict(), path)
    return str(path)


def cyclegan(folder: Path) -> str:
    path = folder / "latest_net_G_A.pth"
    torch.save(published_resnet().state_dict(), path)
    return str(path)


def spagan(folder: Path) -> str:
    """As its author's code saves it, in PyTorch's old format, with the parts that nothing comes of."""
    path = folder / "gen_model_epoch_200.pth"
    state = network("spagan", {"width": 8}).state_dict()
    state |= {"SAM1.conv_in.weight": torch.rand(8, 8, 3, 3), "SAM1.attention_layer.conv3.bias": torch.rand(4)}
    old = {f"gen.gen.{key}": value for key, value in state.items()}
    torch.save(old, path, _use_new_zipfile_serialization=False)
    return str(path)


def own(architecture: str) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        path = folder / f"{architecture}.pth"
        torch.save(network(architecture, OWN[architecture]).state_dict(), path)
        return str(path)

    return write


def graph(in_channels: int = 3, out_channels: int = 3, side: int | str = 32) -> onnx.ModelProto:
    """One 3x3 convolution and a sigmoid."""
    weight = np.random.default_rng(0).normal(0, 0.3, (out_channels, in_channels, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["y"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["y"], ["clear"]),
    ]
    taken, made = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, side, side])
        for name, channels in (("image", in_channels), ("clear", out_channels))
    )
    content = helper.make_graph(nodes, "g", [taken], [made], [numpy_helper.from_array(weight, "w")])
    return helper.make_model(content, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def onnx_graph(folder: Path) -> str:
    path = folder / "clear.onnx"
    path.write_bytes(graph().SerializeToString())
    return str(path)


FAMILIES: dict[str, Callable[[Path], str]] = {
    "dsen2cr": dsen2cr,
    "dsen2cr-keras": keras2,
    "uncrtaints": uncrtaints,
    "pix2pix": pix2pix,
    "cyclegan": cyclegan,
    "spagan": spagan,
    **{f"own-{architecture}": own(architecture) for architecture in OWN},
    "onnx": onnx_graph,
}
"""Kind: what writes such a file into a folder and gives its path."""
