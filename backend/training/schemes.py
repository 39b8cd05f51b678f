"""All ways of training, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError
from .augmented import AugmentedCycleGAN
from .cgan import CGAN
from .classification import Classification
from .cyclegan import CycleGAN
from .distillation import Distillation
from .hybrid import Hybrid
from .supervised import Supervised

if TYPE_CHECKING:
    from .system import System

SCHEMES: dict[str, type[System]] = {
    "supervised": Supervised,
    "cgan": CGAN,
    "cyclegan": CycleGAN,
    "augmented": AugmentedCycleGAN,
    "hybrid": Hybrid,
}

CLASSIFIERS: dict[str, type[Classification]] = {
    "classification": Classification,
    "distillation": Distillation,
}
"""Those that train no generator but a land-cover classifier."""


def find_settings(name: str) -> type:
    """Gives the settings of a scheme.

    Raises:
        UsageError: The name is unknown.
    """
    return CLASSIFIERS[name].Settings if name in CLASSIFIERS else find_scheme(name).Settings


def find_scheme(name: str) -> type[System]:
    """Gives a scheme.

    Raises:
        UsageError: The name is unknown.
    """
    if name not in SCHEMES:
        raise UsageError(
            f"There is no training scheme {name!r}; known are {', '.join([*SCHEMES, *CLASSIFIERS])}.",
            "Name one of them.",
        )
    return SCHEMES[name]
