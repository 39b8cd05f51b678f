"""Foreign checkpoints: what they are, and the generators that they become."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import torch

from ..card import Card
from ..encoding import Encoding, encoding_facts, read_encoding
from ..errors import ModelError, OutputError, UsageError
from ..model_jobs import ImportModel, InspectCheckpoint
from ..models import weights
from ..models.importers.families import KNOWN, proposals
from ..models.importers.found import Found
from ..models.importers.proposal import Proposal
from ..models.importers.reading import read_checkpoint
from ..models.network import Network
from ..models.zoo import build
from ..outputs import Outputs
from ..protocol import Done
from ..reporting import Reporter
from ..sensors import NAMES, band_name
from ..userdata import user_models
from .entry import is_name

SUFFIX = ".safetensors"
SHOWN_TENSORS = 200
LEVELS = ("L1C", "L2A")
RGB = ("B2", "B3", "B4")
CHOICES = ("optical_range", "optical_limit", "sar_range")
"""Fields of the encoding that can be chosen."""
MAX_OVERLAP_PX = 128
"""A larger receptive field would cost more than windows that overlap by half."""
TILE_PX = 256
TRIAL_PX = 64
PRIOR = dict(
    zip(NAMES, (0.18, 0.15, 0.15, 0.15, 0.18, 0.23, 0.25, 0.25, 0.27, 0.16, 0.003, 0.19, 0.14), strict=True),
)
"""Mean reflectance of clear ground in the bundled generator's training: that of a foreign one is not known."""


def inspect_checkpoint(job: InspectCheckpoint, report: Reporter) -> Done:
    """Says what a foreign file holds and how it would be imported.

    Raises:
        ModelError: It cannot be read, or is refused.
        BackendError: It is ONNX, and the libraries for that are not installed.
    """
    report.progress(0.0, f"Reading {Path(job.checkpoint).name}")
    found = read_checkpoint(job.checkpoint)
    made = proposals(found)
    facts: dict[str, Any] = {
        "tensors": [{"name": key, "shape": list(shape)} for key, shape in list(found.shapes.items())[:SHOWN_TENSORS]],
        "tensor_count": len(found.shapes),
    }
    if not made:
        report.checkpoint("", f"Weights of {found.container} of an unknown network. Known are {KNOWN}.", **facts)
        return Done(job.id, "")
    others = "".join(f"; or {other.title} (kind {other.kind})" for other in made[1:])
    defaults = _defaults(job.checkpoint, made[0])
    report.checkpoint(made[0].kind, made[0].title + others, **facts, defaults=defaults, in_bands=made[0].in_bands)
    return Done(job.id, "")


def import_model(job: ImportModel, report: Reporter) -> Done:
    """Makes a generator of a foreign file.

    Raises:
        ModelError: The file cannot be read, is refused, or is of no known kind.
        UsageError: Bands, levels, a range or the name make no sense.
        OutputError: There is one of this name, or it cannot be written.
        BackendError: It is ONNX, and the libraries for that are not installed.
        Cancelled: The job was given up.
    """
    report.progress(0.0, f"Reading {Path(job.checkpoint).name}")
    found = read_checkpoint(job.checkpoint)
    proposal = _chosen(job, found)
    name = _name(job)
    output = _output(job, name)
    network = build(proposal.architecture, proposal.parameters)
    state = dict(proposal.state)
    network.upgrade(state)
    network.load_state_dict(state)
    card = _card(job, name, proposal, network)
    report.progress(0.4, "Trying the network")
    _try_out(job.checkpoint, card, network)
    report.progress(0.7, f"Writing {Path(output).name}")
    with Outputs([], [job.checkpoint], job.overwrite, [output]) as outputs:
        try:
            weights.save(str(outputs.part(output)), card, state, exact=True)
        except OSError as error:
            raise OutputError(f"{output} cannot be written: {error.strerror}.", "Choose another folder.") from error
        report.check_cancelled()
        outputs.commit()
    report.log("info", f"{card.title}: imported as {name}, for {', '.join(card.bands)}.")
    return Done(job.id, output)


def _chosen(job: ImportModel, found: Found) -> Proposal:
    made = {proposal.kind: proposal for proposal in proposals(found)}
    if not made:
        raise ModelError(
            f"{job.checkpoint} holds {len(found.shapes)} tensors of an unknown network.", f"Known are {KNOWN}."
        )
    kind = job.kind or next(iter(made))
    if kind not in made:
        raise UsageError(f"{job.checkpoint} is of the kind {' or '.join(made)}, not {kind}.", "Leave the kind out.")
    return made[kind]


def _defaults(checkpoint: str, proposal: Proposal) -> dict[str, Any]:
    """Gives the fields of ImportModel that a proposal comes with."""
    return {
        "name": _default_name(checkpoint),
        "bands": proposal.usual_bands,
        "choices": {
            key: list(value) if isinstance(value, tuple) else value for key, value in _choices(proposal).items()
        },
        "levels": list(proposal.levels),
        "licence": proposal.licence,
        "citation": proposal.citation,
    }


def _choices(proposal: Proposal) -> dict[str, Any]:
    """Gives what can be chosen, as it is by default."""
    encoding = read_encoding(proposal.encoding)
    own = {key: getattr(encoding, key) for key in CHOICES} if encoding.layout == "frames" else {}
    return {key: value for key, value in own.items() if value is not None}


def _default_name(checkpoint: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(checkpoint).name.split(".")[0]).strip("-_") or "imported"


def _name(job: ImportModel) -> str:
    name = job.name or (Path(job.output).stem if job.output else _default_name(job.checkpoint))
    if not is_name(name):
        raise UsageError(f"{name!r} is no name of a generator.", "Letters, digits, '-' and '_' make one.")
    return name


def _output(job: ImportModel, name: str) -> str:
    if job.output is not None:
        if Path(job.output).suffix != SUFFIX:
            raise OutputError(f"A generator is a {SUFFIX} file; {job.output} was asked for.", "Choose another name.")
        return job.output
    folder = user_models()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made: {error.strerror}.", "Choose another.") from error
    return str(folder / f"{name}{SUFFIX}")


def _card(job: ImportModel, name: str, proposal: Proposal, network: Network) -> Card:
    bands, encoding, stride_px = _bands(job, proposal), _encoding(job, proposal), network.stride_px
    reach_px = None if network.radius_px is None else _up_to(network.radius_px, stride_px)
    frames, blended = encoding.layout == "frames", reach_px is None or reach_px > MAX_OVERLAP_PX
    return Card(
        name=name,
        version="1",
        title=f"{proposal.title}; imported from {Path(job.checkpoint).name}",
        architecture=proposal.architecture,
        parameters=proposal.parameters,
        bands=bands,
        required_bands=[band for band in bands if frames or band in RGB],
        levels=_levels(job, proposal),
        sar=("required" if encoding.sar_range else "none") if frames else "optional",
        dates=("required" if encoding.frames > 1 else "none") if frames else "optional",
        overlap_px=0 if blended or reach_px is None else reach_px,
        align_px=stride_px,
        tile_px=_up_to(TILE_PX, stride_px),
        prior={band: PRIOR[band] for band in bands},
        licence=job.licence or proposal.licence,
        citation=job.citation or proposal.citation,
        training_data=list(proposal.training_data),
        encoding=encoding_facts(encoding),
        window_px=_up_to(proposal.window_px, math.lcm(stride_px, 2)) if blended else 0,
    )


def _bands(job: ImportModel, proposal: Proposal) -> list[str]:
    asked = job.bands or proposal.usual_bands
    if not asked:
        raise UsageError(
            f"The network reads {proposal.in_bands} bands, and {job.checkpoint} does not say which.",
            f"Name them in its order; known are {', '.join(NAMES)}.",
        )
    names = [band_name(name) for name in asked]
    unknown = [name for name, band in zip(asked, names, strict=True) if band is None]
    if unknown:
        raise UsageError(f"There is no band {', '.join(unknown)}.", f"Known are {', '.join(NAMES)}.")
    bands = [band for band in names if band]
    if len(bands) != proposal.in_bands or len(set(bands)) != len(bands):
        raise UsageError(
            f"The network reads {proposal.in_bands} different bands; {', '.join(asked)} were named.",
            "Name each once, in its order.",
        )
    return bands


def _levels(job: ImportModel, proposal: Proposal) -> list[str]:
    levels = list(proposal.levels) if job.levels is None else job.levels
    if not levels or set(levels) - set(LEVELS):
        raise UsageError(
            f"Levels are {' and '.join(LEVELS)}; {', '.join(levels) or 'none'} was asked for.", "Name them."
        )
    return [level for level in LEVELS if level in levels]


def _encoding(job: ImportModel, proposal: Proposal) -> Encoding:
    own = _choices(proposal)
    for key, value in job.choices.items():
        if key not in own:
            raise UsageError(
                f"A checkpoint of the kind {proposal.kind} has no {key} to choose.",
                f"It has {', '.join(own)}." if own else "Leave it out.",
            )
        fits = _is_number(value) and value > 0 if key == "optical_limit" else _is_range(value)
        if not fits:
            wanted = "a reflectance above 0" if key == "optical_limit" else "a lower and a higher number"
            raise UsageError(f"{key} is {value!r}; {wanted} was expected.", "Give it so.")
    return read_encoding(proposal.encoding | job.choices)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_range(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value)) and value[0] < value[1]


def _try_out(checkpoint: str, card: Card, network: Network) -> None:
    """Raises ModelError if the network does not give numbers for a window."""
    side_px = card.window_px or _up_to(TRIAL_PX, card.align_px)
    low, high = read_encoding(card.encoding).optical_range
    x = torch.full((1, network.in_channels, side_px, side_px), (low + high) / 2)
    with torch.inference_mode():
        output = network.eval()(x, torch.zeros(1, network.latent)) if network.latent else network.eval()(x)
    if output.shape != (1, network.out_channels, side_px, side_px) or not output.isfinite().all():
        raise ModelError(f"The network in {checkpoint} gives no image for a window.", "Choose another checkpoint.")


def _up_to(length_px: int, step_px: int) -> int:
    """The next multiple of a step."""
    return -(-length_px // step_px) * step_px
