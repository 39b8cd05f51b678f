"""A graph in ONNX runs as a network of the zoo does, and a graph that needs code or other files is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from unclouded.backend.errors import ModelError
from unclouded.backend.models.graph import graph_shapes, graph_tensors, parse_graph
from unclouded.backend.models.onnx import Graph, Params
from unclouded.backend.models.weights import load, save
from unclouded.backend.models.zoo import build

from .contract import CARD, Card


def convolution(
    in_channels: int = 3, out_channels: int = 3, side: int | str = "side", batch: int | str = 1, **facts: Any
) -> onnx.ModelProto:
    """A graph of one 3x3 convolution."""
    weight = np.random.default_rng(0).normal(0, 0.2, (out_channels, in_channels, 3, 3)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1], **facts)
    shapes = [[batch, channels, side, side] for channels in (in_channels, out_channels)]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in zip("xy", shapes, strict=True)
    ]
    graph = helper.make_graph([node], "g", values[:1], values[1:], [numpy_helper.from_array(weight, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def network(model: onnx.ModelProto, window_px: int = 16) -> Graph:
    content = model.SerializeToString()
    taken, made = graph_shapes(parse_graph(content))
    made = Graph(Params(taken.channels, made.channels, len(content), window_px))
    made.graph.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    return made


def test_it_gives_what_the_operators_say() -> None:
    model = convolution(4, 3)
    weight = torch.from_numpy(numpy_helper.to_array(model.graph.initializer[0]).copy())
    x = torch.rand(3, 4, 16, 16)

    torch.testing.assert_close(network(model)(x), torch.nn.functional.conv2d(x, weight, padding=1))


def test_the_graph_survives_the_one_file(tmp_path: Path) -> None:
    made = network(convolution())
    parameters = dataclasses.asdict(made.params)
    path = str(tmp_path / "graph.safetensors")
    save(path, Card(**CARD, architecture="onnx", parameters=parameters), made.state_dict())
    _, loaded = load(path)
    x = torch.rand(1, 3, 16, 16)

    assert torch.equal(loaded.graph, made.graph)
    assert torch.equal(loaded(x), made(x))


def external() -> onnx.ModelProto:
    model = convolution()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return model


def hidden() -> onnx.ModelProto:
    """An operator of somebody's own inside the branch of an If."""
    model = convolution()
    value = helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 3, "side", "side"])
    branch = helper.make_graph([helper.make_node("Run", ["x"], ["z"], domain="com.example")], "b", [], [value])
    model.graph.node.append(helper.make_node("If", ["c"], ["q"], then_branch=branch, else_branch=branch))
    return model


def beside() -> onnx.ModelProto:
    """A constant that lies in another file."""
    model = convolution()
    tensor = TensorProto(name="k", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    model.graph.node.append(helper.make_node("Constant", [], ["k"], value=tensor))
    return model


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (convolution(domain="com.example"), "needs the code of com.example::Conv"),
        (hidden(), "needs the code of com.example::Run"),
        (external(), "its 'w' lies in another file"),
        (beside(), "its 'k' lies in another file"),
    ],
)
def test_what_needs_code_or_files_is_refused_before_it_is_opened(model: onnx.ModelProto, words: str) -> None:
    content = model.SerializeToString()
    made = Graph(Params(3, 3, len(content), 16))
    made.graph.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))

    with pytest.raises(ModelError, match=words):
        parse_graph(content)
    with pytest.raises(ModelError, match=words):
        made(torch.rand(1, 3, 16, 16))


@pytest.mark.parametrize("content", [b"", b"\x08\x09", b"\x00" * 50, b"<html>", b"\x0a" * 1000])
def test_what_is_no_graph_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="no ONNX graph"):
        parse_graph(content)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"side": 15}, "any size or squares of an even number"),
        ({"batch": 4}, "one image at a time"),
        ({"in_channels": 0}, "a fixed number of channels"),
    ],
)
def test_shapes_that_cannot_be_fed_are_named(facts: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        graph_shapes(convolution(**facts))


def test_a_second_input_is_named() -> None:
    model = convolution()
    model.graph.input.append(helper.make_tensor_value_info("radar", TensorProto.FLOAT, [1, 2, 16, 16]))

    with pytest.raises(ModelError, match=r"2 inputs \(x, radar\)"):
        graph_shapes(model)


def test_undefined_weights_are_named() -> None:
    model = convolution()
    weight = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weight[0] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))

    with pytest.raises(ModelError, match="'w' holds infinite or undefined numbers"):
        graph_tensors(model)


def test_an_output_of_another_size_is_named() -> None:
    made = network(convolution(strides=[2, 2]))

    with pytest.raises(ModelError, match=r"gave an array of \(1, 3, 8, 8\); expected was \(1, 3, 16, 16\)"):
        made(torch.rand(1, 3, 16, 16))


def test_a_graph_that_fails_says_so() -> None:
    with pytest.raises(ModelError, match="The ONNX graph failed"):
        network(convolution(side=32))(torch.rand(1, 3, 16, 16))


def test_numbers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ModelError, match="'onnx' cannot be built"):
        build("onnx", {"in_channels": 3, "out_channels": 3, "graph_bytes": 0, "window_px": 16})
