"""A graph in ONNX, run through onnxruntime: the network of others in its own file format.

The graph's bytes are the one weight of this network, so that a generator stays one file. onnxruntime is an optional
extra: it is loaded when the first window is reconstructed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import BackendError, ModelError
from .graph import parse_graph
from .network import Network

if TYPE_CHECKING:
    from types import ModuleType

LIBRARIES = {"onnx": "onnx>=1.17", "onnxruntime": "onnxruntime>=1.20"}
"""Modules and what pip calls them: the optional extra `onnx`."""
ERRORS = 3
"""Of onnxruntime's log only what went wrong."""


@dataclass(frozen=True)
class Params:
    in_channels: int
    out_channels: int
    graph_bytes: int
    window_px: int
    """Side of the windows that the graph takes, or is given where it takes any."""


def check_libraries() -> None:
    """Raises BackendError if a library that ONNX needs is not installed; the hint is the command that does it."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        wanted = " ".join(f'"{LIBRARIES[name]}"' for name in missing)
        raise BackendError(
            f"Generators in ONNX need libraries that are not installed here: {', '.join(missing)}.",
            f"Install them: {sys.executable} -m pip install {wanted} (or onnxruntime-gpu, for CUDA)",
        )


class Graph(Network):
    """The network. What a pixel depends on is not known, so all of its window counts.

    Args:
        params: What the graph takes and gives.

    Raises:
        ValueError: A number makes no sense.
    """

    graph: Tensor

    def __init__(self, params: Params) -> None:
        super().__init__()
        if min(params.in_channels, params.out_channels, params.graph_bytes, params.window_px) < 1:
            raise ValueError(f"{params} holds a number below 1")
        self.params = params
        self.in_channels, self.out_channels = params.in_channels, params.out_channels
        self.stride_px, self.radius_px = 1, None
        self.register_buffer("graph", torch.empty(params.graph_bytes, dtype=torch.uint8))
        self._session: tuple[torch.device, Any] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Runs the graph on one window after another.

        Args:
            x: (N, in_channels, window_px, window_px)

        Returns:
            (N, out_channels, window_px, window_px)

        Raises:
            BackendError: onnxruntime is not installed.
            ModelError: It cannot run the graph, or the graph gives something else.
        """
        session, windows = self._opened(x.device), []
        for window in torch.split(x.float().cpu(), 1):
            try:
                name, made = session.get_inputs()[0].name, session.get_outputs()[0].name
                output = session.run([made], {name: window.numpy()})[0]
            except _problems() as error:
                raise ModelError(f"The ONNX graph failed: {error}.", "Choose another generator.") from error
            if output.shape != (1, self.out_channels, *x.shape[2:]):
                raise ModelError(
                    f"The ONNX graph gave an array of {output.shape}; expected was "
                    f"{(1, self.out_channels, *x.shape[2:])}.",
                    "Export it again with outputs as large as its inputs.",
                )
            windows.append(torch.from_numpy(output).float())
        return torch.cat(windows).to(x.device)

    def _opened(self, device: torch.device) -> Any:
        """Gives the session for a device, opened when it is first asked for."""
        if self._session is None or self._session[0] != device:
            check_libraries()
            import onnxruntime as runtime

            content = self.graph.cpu().numpy().tobytes()
            parse_graph(content)
            options = runtime.SessionOptions()
            options.log_severity_level = ERRORS
            options.intra_op_num_threads = torch.get_num_threads()
            try:
                providers = _providers(runtime, device)
                session = runtime.InferenceSession(content, options, providers=providers, enable_fallback=0)
            except _problems() as error:
                raise ModelError(f"onnxruntime cannot open the graph: {error}.", "Export it again.") from error
            self._session = device, session
        return self._session[1]


def _providers(runtime: ModuleType, device: torch.device) -> list[Any]:
    """CUDA where the window lies there and this onnxruntime knows it; the CPU for all that it cannot."""
    cuda: list[Any] = [("CUDAExecutionProvider", {"device_id": device.index or 0})]
    there = device.type == "cuda" and "CUDAExecutionProvider" in runtime.get_available_providers()
    return [*(cuda if there else []), "CPUExecutionProvider"]


def _problems() -> tuple[type[Exception], ...]:
    """What onnxruntime raises: classes of its own without a base, and Python's for names that are no text."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = [kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, ValueError, TypeError, LookupError)
