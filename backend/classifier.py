"""Land-cover classifiers: one `.safetensors` file each, and what a frozen one sees in reflectance.

Features for the perceptual loss and the Frechet distance, and classes for the land-cover test. The header holds a card
(JSON, key `classifier`); nothing is ever unpickled. A classifier with presence planes takes any bands: one that is
missing is filled with its mean in training, which is 0 after scaling, and its plane says so. One without planes needs
all of its bands. Bands that it does not know are passed over.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from .card import weights_sha256
from .errors import InputError, ModelError
from .models.resnet import PRESETS, Params, ResNet

FOLDER = Path(__file__).resolve().parent.parent / "resources" / "classifiers"
DEFAULT = FOLDER / "landcover.safetensors"
KEY = "classifier"
AGAIN = "Give the .safetensors of a trained classifier; if it is one, train it again, or update Unclouded."

Activation = Literal["softmax", "sigmoid"]


@dataclass(frozen=True)
class ClassifierCard:
    """What a classifier is, and what it is not."""

    name: str
    version: str
    title: str
    """One line for people."""
    description: str
    """What its classes are worth, and where they come from."""
    parameters: dict[str, Any]
    """Arguments of resnet.Params."""
    classes: list[str]
    activation: Activation
    """softmax: shares of one; sigmoid: each class for itself."""
    threshold: float
    """Probability from which an image of several classes has a class; 0: the likeliest is its only one."""
    bands: list[str]
    mean: dict[str, float]
    """Of each band in training, reflectance: channels are (reflectance - mean) / deviation."""
    deviation: dict[str, float]
    presence: bool
    """Whether a plane for each band follows the bands: 1 where there is the band."""
    window_px: int
    """Side of the images that it was trained on."""
    training_data: list[str]
    licence: str
    citation: str = ""
    scores: dict[str, Any] = field(default_factory=dict)
    """Measured figures, and the command that made them."""
    sha256: str = ""
    """Of the file's bytes after the header."""


class Classifier(nn.Module):
    """A frozen classifier: its weights never change and it always evaluates; gradients reach the image.

    Args:
        card: Of the classifier.
        network: With its weights.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, card: ClassifierCard, network: ResNet) -> None:
        super().__init__()
        self.card = card
        self.network = network
        self.register_buffer("mean", band_values(card.mean, card.bands), persistent=False)
        self.register_buffer("deviation", band_values(card.deviation, card.bands), persistent=False)
        self.requires_grad_(False).train(False)

    def train(self, mode: bool = True) -> Classifier:
        """Stays in evaluation, whatever holds it."""
        super().train(False)
        return self

    def channels(self, reflectance: Tensor, bands: Sequence[str]) -> Tensor:
        """Turns reflectance into the network's input.

        Args:
            reflectance: (N, C, H, W) of any size.
            bands: Names of its C bands, in any order.

        Raises:
            InputError: The names do not fit the image.
            ModelError: A band is missing that the classifier needs.
        """
        if reflectance.ndim != 4 or reflectance.shape[1] != len(bands) or len(set(bands)) != len(bands):
            raise InputError(
                f"The classifier was given {tuple(reflectance.shape)} and the bands {', '.join(bands)}; "
                "(N, C, H, W) and C different bands were expected.",
                "Name each band of the image once.",
            )
        slots = [slot for slot, name in enumerate(self.card.bands) if name in bands]
        if not slots or (len(slots) < len(self.card.bands) and not self.card.presence):
            raise ModelError(
                f"The classifier {self.card.name!r} needs {'one' if self.card.presence else 'all'} of "
                f"{', '.join(self.card.bands)}; the image has {', '.join(bands)}.",
                "Give an image with these bands, or choose another classifier.",
            )
        count, _, height, width = reflectance.shape
        whole = reflectance.new_zeros(count, len(self.card.bands), height, width)
        whole[:, slots] = reflectance[:, [bands.index(self.card.bands[slot]) for slot in slots]]
        present = reflectance.new_zeros(1, len(self.card.bands))
        present[:, slots] = 1
        return scaled(whole, present, self.mean, self.deviation, self.card.presence)

    def forward(self, reflectance: Tensor, bands: Sequence[str]) -> Tensor:
        """Gives the probability of each class, (N, classes); arguments as of `channels`."""
        scores: Tensor = self.network(self.channels(reflectance, bands))
        return probabilities(scores, self.card.activation)

    def features(self, reflectance: Tensor, bands: Sequence[str]) -> Tensor:
        """Gives a vector for each image, (N, network.feature_count); arguments as of `channels`."""
        return self.network.features(self.channels(reflectance, bands))

    def stages(self, reflectance: Tensor, bands: Sequence[str]) -> list[Tensor]:
        """Gives the feature maps of the four stages, the finest first; arguments as of `channels`."""
        return self.network.stages(self.channels(reflectance, bands))


class Features(nn.Module):
    """The feature maps of a classifier for images that always have the same bands.

    Args:
        classifier: Whose.
        bands: Names of the bands.
    """

    def __init__(self, classifier: Classifier, bands: Sequence[str]) -> None:
        super().__init__()
        self.classifier = classifier
        self.bands = tuple(bands)

    def forward(self, reflectance: Tensor) -> list[Tensor]:
        """Gives the maps of (N, C, H, W) reflectance, the finest first."""
        return self.classifier.stages(reflectance, self.bands)


def default_classifier() -> Classifier:
    """Gives the classifier that comes with Unclouded; its card says what it is."""
    return load(str(DEFAULT))


def default_features(bands: Sequence[str]) -> Features:
    """Gives the feature maps of the classifier that comes with Unclouded."""
    return Features(default_classifier(), bands)


def scaled(reflectance: Tensor, present: Tensor, mean: Tensor, deviation: Tensor, presence: bool) -> Tensor:
    """Gives the channels of a classifier: (reflectance - mean) / deviation, 0 where the band is missing.

    Args:
        reflectance: (N, C, H, W), all bands of the classifier in its order.
        present: (N or 1, C) 1 for bands that are there.
        mean: (C, 1, 1)
        deviation: (C, 1, 1)
        presence: Whether planes of `present` follow.

    Returns:
        (N, C or 2 C, H, W)
    """
    there = present[:, :, None, None].to(reflectance.dtype)
    channels = (reflectance - mean) / deviation * there
    if not presence:
        return channels
    return torch.cat([channels, there.expand_as(channels)], dim=1)


def probabilities(scores: Tensor, activation: Activation) -> Tensor:
    """Turns scores (N, classes) into probabilities."""
    return scores.softmax(dim=1) if activation == "softmax" else scores.sigmoid()


def band_values(values: Mapping[str, float], bands: Sequence[str]) -> Tensor:
    """Gives (C, 1, 1) in the order of the bands."""
    return torch.tensor([values[name] for name in bands])[:, None, None]


def save(path: str, card: ClassifierCard, network: ResNet) -> ClassifierCard:
    """Writes a classifier, its weights as float16.

    Args:
        path: A file ending in `.safetensors`; written aside and renamed.
        card: Its card; the hash is filled in here.
        network: Whose weights are kept.

    Returns:
        The card with the hash of the weights.
    """
    tensors = {key: _stored(value) for key, value in network.state_dict().items()}
    part = Path(f"{path}.part")
    part.write_bytes(to_bytes(tensors, {KEY: _json(card)}))
    hashed = dataclasses.replace(card, sha256=weights_sha256(str(part)))
    part.write_bytes(to_bytes(tensors, {KEY: _json(hashed)}))
    part.replace(path)
    return hashed


def load(path: str) -> Classifier:
    """Reads a classifier, in float32 on the CPU.

    Raises:
        ModelError: The file is no classifier, is damaged, or its weights do not fit its card.
    """
    card = read_card(path)
    if weights_sha256(path) != card.sha256:
        raise ModelError(f"The weights in {path} are not those of its card: their SHA-256 differs.", AGAIN)
    try:
        network = ResNet(Params(**_with_tuples(card.parameters)))
        network.load_state_dict({key: _float32(value) for key, value in load_file(path).items()})
    except (SafetensorError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"The weights in {path} do not fit its card: {error}.", AGAIN) from error
    channels = len(card.bands) * (2 if card.presence else 1)
    if (network.params.in_channels, network.params.classes) != (channels, len(card.classes)):
        raise ModelError(f"The network in {path} does not fit the bands and classes of its card.", AGAIN)
    return Classifier(card, network)


def read_card(path: str) -> ClassifierCard:
    """Reads the card of a classifier.

    Raises:
        ModelError: There is no such file, or it is no classifier.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        if KEY not in metadata:
            raise ModelError(f"{path} holds weights, but no card of a land-cover classifier.", AGAIN)
        facts = json.loads(metadata[KEY])
        card = ClassifierCard(**facts)
        lost = [name for name in card.bands if name not in card.mean or not card.deviation.get(name)]
        if lost or card.activation not in get_args(Activation):
            raise ValueError(f"activation {card.activation!r}, no scaling of {lost}")
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read as a .safetensors file: {error}.", AGAIN) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} is no land-cover classifier: {error}.", AGAIN) from error
    return card


def preset(name: str, in_channels: int, classes: int) -> Params:
    """Gives the parameters of a ResNet for so many channels and classes.

    Raises:
        ModelError: The name is unknown.
    """
    if name not in PRESETS:
        raise ModelError(f"There is no classifier {name!r}.", f"Known are {', '.join(PRESETS)}.")
    return dataclasses.replace(PRESETS[name], in_channels=in_channels, classes=classes)


def _with_tuples(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()}


def _json(card: ClassifierCard) -> str:
    return json.dumps(dataclasses.asdict(card), sort_keys=True)


def _stored(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu()
    return (tensor.half() if tensor.is_floating_point() else tensor).contiguous()


def _float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
