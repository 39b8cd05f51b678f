"""All networks by name. A card names one of them and the arguments of its Params."""

from __future__ import annotations

from typing import Any

from ..errors import ModelError
from . import fusion
from .blocks import Network

NETWORKS: dict[str, tuple[type[Any], type[Network]]] = {
    "fusion": (fusion.Params, fusion.Fusion),
}


def build(architecture: str, parameters: dict[str, Any]) -> Network:
    """Makes a network with random weights.

    Args:
        architecture: A name of NETWORKS.
        parameters: Arguments of its Params; lists stand for tuples.

    Raises:
        ModelError: The name or a parameter is unknown.
    """
    if architecture not in NETWORKS:
        raise ModelError(
            f"This generator needs the network {architecture!r}; known are {', '.join(sorted(NETWORKS))}.",
            "Update Unclouded, or choose another generator.",
        )
    params, network = NETWORKS[architecture]
    try:
        return network(
            params(**{key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()})
        )
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"The network {architecture!r} cannot be built from the parameters on its card: {error}.",
            "Export the generator again, or choose another one.",
        ) from error
