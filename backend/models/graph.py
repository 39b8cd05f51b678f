"""An ONNX graph as data: parsed and checked, never run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError

if TYPE_CHECKING:
    import onnx

STANDARD = frozenset({"", "ai.onnx"})
WHERE = "Export it again, as one file of standard operators."


@dataclass(frozen=True)
class Shape:
    """What a graph takes or gives."""

    channels: int
    side_px: int
    """Of its windows; 0 if any."""


def parse_graph(content: bytes) -> onnx.ModelProto:
    """Reads a graph.

    Raises:
        ModelError: It is none, or it needs code or files beside it.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, RecursionError) as error:
        raise ModelError("It is no ONNX graph, or damaged.", WHERE) from error
    if not model.graph.node:
        raise ModelError("It is no ONNX graph: it has no operators.", WHERE)
    own = STANDARD | {function.domain for function in model.functions}
    for node in _nodes(model):
        if node.domain not in own:
            raise ModelError(f"The ONNX graph is refused: it needs the code of {node.domain}::{node.op_type}.", WHERE)
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ModelError(f"The ONNX graph is refused: its {tensor.name!r} lies in another file.", WHERE)
    return model


def graph_shapes(model: onnx.ModelProto) -> tuple[Shape, Shape]:
    """Gives what a graph takes and what it gives.

    Raises:
        ModelError: It is not one image in, one image out.
    """
    given = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in given]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise ModelError(f"The ONNX graph has {len(inputs)} inputs ({names}); one image was expected.", WHERE)
    if not model.graph.output:
        raise ModelError("The ONNX graph has no output.", WHERE)
    taken, made = _shape(inputs[0]), _shape(model.graph.output[0])
    if taken.side_px != made.side_px and made.side_px:
        raise ModelError(f"The ONNX graph makes {made.side_px} px of {taken.side_px} px.", WHERE)
    return taken, made


def graph_tensors(model: onnx.ModelProto) -> list[tuple[str, tuple[int, ...]]]:
    """Gives the names and shapes of a graph's weights.

    Raises:
        ModelError: One is damaged, or holds numbers that are none.
    """
    import onnx

    found = []
    for tensor in model.graph.initializer:
        try:
            values = onnx.numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError, MemoryError, OverflowError) as error:
            raise ModelError(f"The ONNX graph's {tensor.name!r} is damaged.", WHERE) from error
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            raise ModelError(f"The ONNX graph's {tensor.name!r} holds infinite or undefined numbers.", WHERE)
        found.append((tensor.name, values.shape))
    return found


def _shape(value: onnx.ValueInfoProto) -> Shape:
    import onnx

    kind = value.type.tensor_type
    sides = [size.dim_value if size.HasField("dim_value") else 0 for size in kind.shape.dim]
    if kind.elem_type != onnx.TensorProto.FLOAT or len(sides) != 4:
        raise ModelError(
            f"The ONNX graph's {value.name!r} is no image: (N, channels, rows, columns) of float32 was expected.", WHERE
        )
    number, channels, rows, columns = sides
    if channels < 1 or number > 1 or rows != columns or rows < 0 or rows % 2:
        raise ModelError(
            f"The ONNX graph's {value.name!r} is an array of {tuple(sides)}; expected are one image at a time, a fixed "
            "number of channels, and any size or squares of an even number of pixels.",
            WHERE,
        )
    return Shape(channels, rows)


def _graphs(model: onnx.ModelProto) -> Iterator[Any]:
    """Yields the graph, the functions of the model, and all graphs inside their nodes."""
    waiting: list[Any] = [model.graph, *model.functions]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                waiting += [attribute.g, *attribute.graphs] if attribute.HasField("g") else attribute.graphs


def _nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    for graph in _graphs(model):
        yield from graph.node


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    for graph in _graphs(model):
        if hasattr(graph, "initializer"):
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
    for node in _nodes(model):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
