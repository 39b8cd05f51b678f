"""Generators of pix2pix and CycleGAN give what modules of the published layout give, whatever norm and dropout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from unclouded.backend.errors import ModelError
from unclouded.backend.models.importers.families import proposals
from unclouded.backend.models.importers.proposal import Proposal
from unclouded.backend.models.importers.reading import read_checkpoint
from unclouded.backend.models.zoo import build

from .checkpoints import Translator, published_resnet, published_unet


def proposed(folder: Path, state: dict[str, torch.Tensor]) -> Proposal:
    torch.save(state, folder / "latest_net_G.pth")
    (proposal,) = proposals(read_checkpoint(str(folder / "latest_net_G.pth")))
    return proposal


def assert_same(folder: Path, theirs: Translator, side_px: int, channels: int) -> Proposal:
    proposal = proposed(folder, theirs.state_dict())
    made = build(proposal.architecture, proposal.parameters).eval()
    made.load_state_dict(proposal.state)
    x = torch.rand(2, channels, side_px, side_px) * 2 - 1
    with torch.inference_mode():
        output, wanted = made(x), theirs(x)
    assert wanted.std() > 0.05
    torch.testing.assert_close(output, wanted, rtol=1e-4, atol=1e-5)
    return proposal


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("levels", [5, 6])
def test_pix2pix(tmp_path: Path, norm: str, levels: int) -> None:
    proposal = assert_same(tmp_path, published_unet(norm=norm, levels=levels), 1 << levels, 3)

    assert proposal.kind == "pix2pix"
    assert proposal.parameters["widths"] == [4, 8, 16, *[32] * (levels - 3)]
    assert f"{levels} levels, {norm} norm" in proposal.title
    assert proposal.window_px == 256


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("blocks", [6, 9])
def test_cyclegan(tmp_path: Path, norm: str, dropout: bool, blocks: int) -> None:
    proposal = assert_same(tmp_path, published_resnet(norm=norm, dropout=dropout, blocks=blocks), 32, 3)

    assert proposal.kind == "cyclegan"
    assert proposal.parameters["blocks"] == blocks
    assert f"{norm} norm" in proposal.title
    assert ("dropout" in proposal.title) == dropout


@pytest.mark.parametrize(
    ("channels", "bands", "facts"),
    [
        (4, 4, {}),
        (5, 3, {"sar_range": (-1.0, 1.0)}),
        (5, 4, {"masks": True}),
        (6, 3, {"sar_range": (-1.0, 1.0), "masks": True}),
    ],
)
def test_channels_behind_the_bands_are_told_by_their_number(
    tmp_path: Path, channels: int, bands: int, facts: dict[str, Any]
) -> None:
    for theirs in (published_unet(channels, bands), published_resnet(channels, bands)):
        proposal = assert_same(tmp_path, theirs, 64, channels)
        plain = {"layout": "frames", "optical_range": (-1.0, 1.0), "output": "image"}

        assert proposal.encoding == plain | facts
        assert proposal.in_bands == bands


@pytest.mark.parametrize("make", [published_unet, published_resnet])
def test_channels_that_nobody_can_tell_are_named(tmp_path: Path, make: Any) -> None:
    with pytest.raises(ModelError, match="reads 1 channels and makes 3"):
        proposed(tmp_path, make(1, 3).state_dict())


@pytest.mark.parametrize("make", [published_unet, published_resnet])
def test_statistics_that_old_versions_wrote_are_dropped(tmp_path: Path, make: Any) -> None:
    state = make(norm="instance").state_dict()
    place = "model.2" if "model.2.running_mean" in state or "model.1.weight" in state else "model.model.1.model.2"
    proposal = proposed(tmp_path, state | {f"{place}.running_mean": torch.rand(8)})

    assert proposal.parameters.get("norm", "instance") == "instance"
    assert not any("running" in key for key in proposal.state)


def test_counters_that_old_versions_did_not_write_are_added(tmp_path: Path) -> None:
    state = published_unet().state_dict()
    proposal = proposed(tmp_path, {key: value for key, value in state.items() if "num_batches" not in key})

    assert proposal.state.keys() == state.keys()


def test_the_bands_of_a_picture_are_red_green_and_blue(tmp_path: Path) -> None:
    assert proposed(tmp_path, published_resnet().state_dict()).usual_bands == ["B4", "B3", "B2"]


def test_bands_that_their_number_does_not_tell_are_left_open(tmp_path: Path) -> None:
    assert proposed(tmp_path, published_resnet(7, 7).state_dict()).usual_bands == []
