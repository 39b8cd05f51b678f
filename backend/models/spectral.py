"""Spectral norm: convolutions whose largest singular value is 1 (Miyato et al., 2018), for as long as they train."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def add_spectral_norm(network: nn.Module) -> None:
    """Divides the weights of each convolution by their largest singular value, which each training step follows.

    It belongs to the training: a card knows nothing of it, and `plain` gives the weights that go into a file.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and not parametrize.is_parametrized(module, "weight"):
            spectral_norm(module)


def plain(network: AnyModule) -> AnyModule:
    """Gives a copy, set to evaluate, that computes the same as the network does then, without parametrizations."""
    bare = copy.deepcopy(network).eval()
    _bare(bare)
    return bare


def load_plain(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Gives a network plain weights; if it has spectral norm, it keeps it.

    Args:
        network: Its weights are replaced.
        state: Of a network of the same size without parametrizations.

    Raises:
        RuntimeError: The sizes differ.
    """
    normed = _bare(network)
    network.load_state_dict(state)
    if normed:
        add_spectral_norm(network)


def plain_state(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gives plain weights from those of a training, whether they have spectral norm or not.

    Args:
        network: Of the same size, without parametrizations; it stays as it is.
        state: Its state_dict as it was trained.
    """
    if not any(".parametrizations." in key for key in state):
        return dict(state)
    trained = copy.deepcopy(network)
    add_spectral_norm(trained)
    trained.load_state_dict(state)
    return plain(trained).state_dict()


def _bare(network: nn.Module) -> bool:
    """Takes the parametrizations off and keeps what they gave; says whether there were any."""
    parametrized = [module for module in network.modules() if parametrize.is_parametrized(module, "weight")]
    for module in parametrized:
        shared = type(module)  # a copy shares the class, from which the removal takes the property `weight`
        module.__class__ = type(shared.__name__, shared.__bases__, dict(vars(shared)))
        parametrize.remove_parametrizations(module, "weight")
    return bool(parametrized)
