"""UnCRtainTS gives what its authors' network gives, though theirs takes SAR before the bands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from unclouded.backend.errors import ModelError
from unclouded.backend.models.importers.families import proposals
from unclouded.backend.models.importers.proposal import Proposal
from unclouded.backend.models.importers.reading import read_checkpoint
from unclouded.backend.models.network import Network
from unclouded.backend.models.zoo import build

from .checkpoints import UNCRTAINTS, network, uncrtaints

NO_SAR = UNCRTAINTS | {"frame_channels": 14}


def made(proposal: Proposal) -> Network:
    result = build(proposal.architecture, proposal.parameters).eval()
    result.load_state_dict(proposal.state)
    return result


def test_sar_moves_behind_the_bands(tmp_path: Path) -> None:
    (proposal,) = proposals(read_checkpoint(uncrtaints(tmp_path)))
    frames = torch.rand(1, 3, 16, 32, 32) * 10
    frames[:, :, -1] = torch.tensor([1552.0, 1540.0, 1560.0])[:, None, None]
    theirs = torch.cat([frames[:, :, 13:15], frames[:, :, :13], frames[:, :, 15:]], dim=2)
    with torch.inference_mode():
        output = made(proposal)(frames.flatten(1, 2))
        wanted = network("uncrtaints", UNCRTAINTS)(theirs.flatten(1, 2))

    torch.testing.assert_close(output, wanted)


def test_its_card_says_scale_days_and_the_limit_of_vh(tmp_path: Path) -> None:
    (proposal,) = proposals(read_checkpoint(uncrtaints(tmp_path)))

    assert proposal.kind == "uncrtaints"
    assert proposal.title == "UnCRtainTS: 13 bands, with VV and VH, 3 dates"
    assert proposal.parameters == UNCRTAINTS | {"frames": 3}
    assert proposal.encoding == {
        "layout": "frames",
        "frames": 3,
        "optical_range": (0.0, 10.0),
        "output": "gaussian",
        "days": True,
        "image_day": 1550.0,
        "sar_range": (0.0, 10.0),
        "vh_floor_db": -25.0,
    }


def test_without_its_settings_both_trainings_are_offered(tmp_path: Path) -> None:
    path = uncrtaints(tmp_path)
    (tmp_path / "conf.json").unlink()
    published, ours = proposals(read_checkpoint(path))

    assert "no conf.json lies beside it, so its scale is taken for 10" in published.title
    assert (ours.kind, ours.parameters.get("scale", 1.0)) == ("own-uncrtaints", 1.0)
    assert ours.encoding["sar_range"] == (0.0, 1.0)


def test_a_network_of_one_date_has_no_attention(tmp_path: Path) -> None:
    whole = network("uncrtaints", NO_SAR)
    state = {key: value for key, value in whole.state_dict().items() if not key.startswith("temporal")}
    torch.save({"state_dict_G": state}, tmp_path / "model.pth.tar")
    (tmp_path / "conf.json").write_text('{"scale_by": 10, "input_t": 1, "n_head": 1, "positional_encoding": false}')
    (proposal,) = proposals(read_checkpoint(str(tmp_path / "model.pth.tar")))
    x = torch.rand(1, 14, 16, 24)
    with torch.inference_mode():
        torch.testing.assert_close(made(proposal)(x), whole(x))  # one date has all the attention

    assert (proposal.parameters["frames"], proposal.encoding["frames"]) == (1, 1)
    assert "sar_range" not in proposal.encoding


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"use_v": True}, "says use_v=True; False was expected"),
        ({"var_nonLinearity": "elu"}, "'elu'; 'softplus' was expected"),
        ({"scale_by": "ten"}, "scale_by='ten'"),
        ({"scale_by": float("inf")}, "scale_by=inf"),
        ({"input_t": 0}, "input_t=0"),
    ],
)
def test_settings_of_other_networks_are_named(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    path = uncrtaints(tmp_path)
    (tmp_path / "conf.json").write_text(json.dumps(settings))

    with pytest.raises(ModelError, match=words):
        proposals(read_checkpoint(path))


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '"' + "a" * 2_000_000 + '"', "\xff"])
def test_settings_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    path = uncrtaints(tmp_path)
    (tmp_path / "conf.json").write_text(text, encoding="latin-1")

    with pytest.raises(ModelError, match=r"conf\.json is no file of settings"):
        proposals(read_checkpoint(path))


def test_a_network_without_variances_is_named(tmp_path: Path) -> None:
    state = network("uncrtaints", UNCRTAINTS).state_dict()
    head = {f"out_conv.conv.conv.0.{part}": state[f"out_conv.conv.conv.0.{part}"][:13] for part in ("weight", "bias")}
    torch.save(state | head, tmp_path / "model.pth.tar")

    with pytest.raises(ModelError, match="no variance for each band"):
        proposals(read_checkpoint(str(tmp_path / "model.pth.tar")))
