"""The jobs of the model manager: what there is, download, verify, remove, and import of foreign checkpoints.

Part of the protocol. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Union


@dataclass(frozen=True)
class ListModels:
    """Say which generators there are: the answer is one `Models`."""

    id: str
    index: str = ""
    """URL, folder or file of an index; empty for the one that comes along."""
    proxy: str = ""
    """URL of a proxy for downloads, with user and password if it needs them. Never logged."""
    certificates: str = ""
    """PEM file of further authorities to trust."""


@dataclass(frozen=True)
class DownloadModel:
    """Get a generator of an index into the user's folder; what was left of an earlier try is gone on with."""

    id: str
    name: str
    index: str = ""
    proxy: str = ""
    certificates: str = ""
    overwrite: bool = False


@dataclass(frozen=True)
class VerifyModel:
    """Hold the weights of an installed generator against the hash on its card, and against its network."""

    id: str
    model: str
    """Name, or path of a file."""


@dataclass(frozen=True)
class RemoveModel:
    """Delete a generator of the user's folder."""

    id: str
    model: str


@dataclass(frozen=True)
class InspectCheckpoint:
    """Say what a foreign file holds, without running any of it: the answer is one `Checkpoint`."""

    id: str
    checkpoint: str


@dataclass(frozen=True)
class ImportModel:
    """Convert a foreign checkpoint into a generator of our own."""

    id: str
    checkpoint: str
    output: Optional[str] = None
    """The `.safetensors` to write; None for NAME.safetensors in the user's folder."""
    name: str = ""
    """Empty: from the file's name."""
    kind: str = ""
    """As `Checkpoint` names it; empty to tell from the file."""
    bands: Optional[List[str]] = None
    """In the network's order; None for the kind's own."""
    choices: Dict[str, Any] = field(default_factory=dict)
    """Fields of the encoding that differ from the kind's own: optical_range, optical_limit, sar_range."""
    levels: Optional[List[str]] = None
    licence: str = ""
    citation: str = ""
    overwrite: bool = False


@dataclass(frozen=True)
class Models:
    id: str
    entries: List[Dict[str, Any]]
    """Each holds the fields of a card that are known (at least name, version, title, licence, bands, required_bands,
    levels, sar, dates), and

    state: `bundled`, `installed` (in the user's folder), `available` (in the index) or `by-hand` (to be got from `page`
    and imported); path: of the file, if there is one; size_bytes; page and note, where the index has them; newer: the
    version in the index, where it differs from the installed one; problem: why it cannot be used, where it cannot.
    """


@dataclass(frozen=True)
class Checkpoint:
    """What a foreign file holds, and how it would be imported."""

    id: str
    kind: str
    """Empty if no importer knows it."""
    title: str
    """What it is, for people; or what was expected of a file that is unknown."""
    tensors: List[Dict[str, Any]] = field(default_factory=list)
    """What was found, at most 200: each its `name` and `shape`."""
    tensor_count: int = 0
    defaults: Dict[str, Any] = field(default_factory=dict)
    """Defaults of ImportModel's fields for this file: name, bands, choices, levels, licence, citation."""
    in_bands: int = 0
    """Number of optical bands that the network reads; 0 if any number does."""


MODEL_JOBS = (ListModels, DownloadModel, VerifyModel, RemoveModel, InspectCheckpoint, ImportModel)
ModelJob = Union[ListModels, DownloadModel, VerifyModel, RemoveModel, InspectCheckpoint, ImportModel]
ModelAnswer = Union[Models, Checkpoint]
