"""SpA-GAN, plain state_dicts of our own networks, and ONNX."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import pytest
import torch
from onnx import helper
from safetensors.torch import save_file

from unclouded.backend.errors import ModelError
from unclouded.backend.models.importers.families import proposals
from unclouded.backend.models.importers.reading import read_checkpoint
from unclouded.backend.models.zoo import NETWORKS, build

from .checkpoints import (
    DSEN2CR,
    FAMILIES,
    OWN,
    graph,
    network,
    onnx_graph,
    own,
    published_resnet,
    published_unet,
    spagan,
)


def test_spagan_is_told_by_its_prefix_and_loses_what_it_does_not_use(tmp_path: Path) -> None:
    (proposal,) = proposals(read_checkpoint(spagan(tmp_path)))
    wanted = network("spagan", {"width": 8}).state_dict()

    assert (proposal.kind, proposal.licence) == ("spagan", "MIT")
    assert proposal.usual_bands == ["B2", "B3", "B4"]  # its pictures are blue, green, red
    assert proposal.encoding["optical_range"] == (0.0, 1.0)
    assert proposal.state.keys() == wanted.keys()
    assert all(torch.equal(proposal.state[key], value) for key, value in wanted.items())


@pytest.mark.parametrize("architecture", OWN)
def test_own_networks_are_told_by_their_tensors(tmp_path: Path, architecture: str) -> None:
    (proposal,) = proposals(read_checkpoint(own(architecture)(tmp_path)))

    assert proposal.kind == f"own-{architecture}"
    assert proposal.parameters == OWN[architecture]
    build(architecture, proposal.parameters).load_state_dict(proposal.state)


@pytest.mark.parametrize("container", ["safetensors", "pth"])
def test_own_networks_may_lie_in_either_container(tmp_path: Path, container: str) -> None:
    state = network("stgan", OWN["stgan"]).state_dict()
    path = tmp_path / f"a.{container}"
    save_file(state, path) if container == "safetensors" else torch.save({"model": state}, path)

    assert [proposal.kind for proposal in proposals(read_checkpoint(str(path)))] == ["own-stgan"]


def test_every_network_of_the_zoo_can_come_as_a_plain_state_dict(tmp_path: Path) -> None:
    parameters = OWN | {
        "dsen2cr": DSEN2CR,
        "unet": {"in_channels": 3, "out_channels": 3, "widths": [4, 8, 8]},
        "cyclegan": {"width": 4, "blocks": 2},
        "uncrtaints": {"width": 16, "heads": 4, "attention_width": 16},
    }
    assert parameters.keys() == NETWORKS.keys()
    for architecture, size in parameters.items():
        torch.save(network(architecture, size).state_dict(), tmp_path / "a.pth")
        found = proposals(read_checkpoint(str(tmp_path / "a.pth")))

        assert {proposal.architecture for proposal in found} == {architecture}


def test_weights_of_version_1_are_brought_up_to_date(tmp_path: Path) -> None:
    state = network("fusion", OWN["fusion"]).state_dict()
    first = {
        "stem.weight": torch.rand(8, 4 * 13 + 9, 2, 2),
        "head.spread.weight": torch.rand(16 * 13, 8, 1, 1),
        "head.spread.bias": torch.rand(16 * 13),
    }
    torch.save(state | first, tmp_path / "a.pth")
    (proposal,) = proposals(read_checkpoint(str(tmp_path / "a.pth")))

    assert proposal.parameters == {key: OWN["fusion"][key] for key in ("bands", "widths", "blocks")}


def test_a_graph_says_what_it_takes(tmp_path: Path) -> None:
    (proposal,) = proposals(read_checkpoint(onnx_graph(tmp_path)))

    assert proposal.title == "ONNX graph of 1 tensors: 3 bands; windows of 32 px"
    assert (proposal.window_px, proposal.in_bands) == (32, 3)
    assert bytes(proposal.state["graph"].numpy()) == Path(onnx_graph(tmp_path)).read_bytes()


def test_a_graph_of_any_size_runs_in_windows(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(graph(15, 13, "side").SerializeToString())
    found = read_checkpoint(str(tmp_path / "a.onnx"))
    (proposal,) = proposals(found)

    assert proposal.window_px == 256
    assert proposal.encoding["sar_range"] == (0.0, 1.0)
    assert found.shapes == {"w": (13, 15, 3, 3)}


def test_a_graph_that_needs_code_is_refused_with_its_name(tmp_path: Path) -> None:
    model = graph()
    model.graph.node.append(helper.make_node("Shell", ["image"], ["z"], domain="com.example"))
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())

    with pytest.raises(
        ModelError, match=r"a\.onnx: The ONNX graph is refused: it needs the code of com.example::Shell"
    ):
        read_checkpoint(str(tmp_path / "a.onnx"))


@pytest.mark.parametrize("kind", sorted(FAMILIES.keys() - {"onnx", "dsen2cr-keras"}))
def test_undefined_weights_are_refused(tmp_path: Path, kind: str) -> None:
    found = read_checkpoint(FAMILIES[kind](tmp_path))
    (tmp_path / "conf.json").unlink(missing_ok=True)
    broken = {key: value.clone() for key, value in found.state.items()}
    key = next(key for key, value in broken.items() if value.is_floating_point() and "SAM1.conv_in" not in key)
    broken[key].view(-1)[0] = float("nan")
    torch.save(broken, tmp_path / "broken.pth")

    with pytest.raises(ModelError, match=f"infinite or undefined numbers, first in '{key}'"):
        proposals(read_checkpoint(str(tmp_path / "broken.pth")))


@pytest.mark.parametrize("kind", sorted(FAMILIES.keys() - {"onnx"}))
def test_whatever_tensor_is_wrong_the_file_is_refused_or_unknown(tmp_path: Path, kind: str) -> None:
    found = read_checkpoint(FAMILIES[kind](tmp_path))
    known = {proposal.kind for proposal in proposals(found)}
    for key in found.state:
        for other in (torch.zeros(7), None):
            state = {name: value for name, value in found.state.items() if name != key}
            if other is not None:
                state[key] = other
            with contextlib.suppress(ModelError):
                made = {proposal.kind for proposal in proposals(dataclasses.replace(found, state=state))}
                assert not made or (made == known == {"spagan"} and key.startswith("SAM1.")), key  # unused parts


@pytest.mark.parametrize("make", [published_unet, published_resnet])
def test_half_precision_is_fine(tmp_path: Path, make: object) -> None:
    state = {key: value.half() for key, value in make().state_dict().items()}  # type: ignore[operator]
    torch.save(state, tmp_path / "a.pth")

    assert proposals(read_checkpoint(str(tmp_path / "a.pth")))
