"""DSen2-CR gives what it gave where it was trained: in Keras, and in PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from unclouded.backend.errors import ModelError
from unclouded.backend.models.importers.families import proposals
from unclouded.backend.models.importers.reading import read_checkpoint
from unclouded.backend.models.zoo import build

from . import checkpoints
from .checkpoints import DSEN2CR, keras2, network

WRITER = Path(__file__).with_name("write_keras.py")


@pytest.fixture(scope="module")
def keras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the real Keras wrote and predicted, in a process of its own."""
    folder = tmp_path_factory.mktemp("keras")
    done = subprocess.run([sys.executable, str(WRITER), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "variant", "sar"),
    [
        ("SARcarl.h5", "SARcarl", True),
        ("SARplain.h5", "SARplain", True),
        ("noSARcarl.h5", "noSARcarl", False),
        ("weights_only.h5", "SARplain", True),
        ("SARplain.weights.h5", "SARplain", True),
    ],
)
def test_it_gives_what_keras_predicts(keras: Path, file: str, variant: str, sar: bool) -> None:
    (proposal,) = proposals(read_checkpoint(str(keras / file)))
    made = build(proposal.architecture, proposal.parameters).eval()
    made.load_state_dict(proposal.state)
    seen = np.load(keras / f"{variant}.npz")
    with torch.inference_mode():
        output = made(torch.from_numpy(seen["x"])).numpy()

    assert proposal.kind == "dsen2cr-keras"
    assert proposal.parameters["blocks"] == 16
    assert ("sar_range" in proposal.encoding) == sar
    assert np.abs(seen["y"] - seen["x"][:, :13]).mean() > 0.1
    np.testing.assert_allclose(output, seen["y"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("write", [checkpoints.dsen2cr, keras2])
def test_its_weights_come_back(tmp_path: Path, write: object) -> None:
    (proposal,) = proposals(read_checkpoint(write(tmp_path)))  # type: ignore[operator]
    wanted = network("dsen2cr", DSEN2CR).state_dict()

    assert proposal.parameters == DSEN2CR
    assert list(proposal.state) == list(wanted)
    assert all(torch.equal(proposal.state[key], value) for key, value in wanted.items())
    assert proposal.encoding == {
        "layout": "frames",
        "optical_range": (0.0, 5.0),
        "sar_range": (0.0, 2.0),
        "output": "image",
    }
    assert (proposal.in_bands, proposal.levels) == (13, ["L1C"])


@pytest.mark.parametrize("prefix", ["module.", "netG.", "module.netG.", "_orig_mod."])
def test_wrappers_are_taken_off(tmp_path: Path, prefix: str) -> None:
    state = {f"{prefix}{key}": value for key, value in network("dsen2cr", DSEN2CR).state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "a.pth")

    assert [proposal.kind for proposal in proposals(read_checkpoint(str(tmp_path / "a.pth")))] == ["dsen2cr"]


def test_of_a_whole_gan_the_generator_is_taken(tmp_path: Path) -> None:
    state = {f"netG.{key}": value for key, value in network("dsen2cr", DSEN2CR).state_dict().items()}
    torch.save(state | {"netD.model.0.weight": torch.rand(4, 4)}, tmp_path / "a.pth")
    found = read_checkpoint(str(tmp_path / "a.pth"))

    assert [proposal.kind for proposal in proposals(found)] == ["dsen2cr"]
    assert "netD.model.0.weight" in found.shapes


def test_channels_that_are_none_of_ours_are_named(tmp_path: Path) -> None:
    parameters = DSEN2CR | {"in_channels": 16}
    torch.save(network("dsen2cr", parameters).state_dict(), tmp_path / "a.pth")

    with pytest.raises(ModelError, match="reads 16 channels and makes 13 bands"):
        proposals(read_checkpoint(str(tmp_path / "a.pth")))


def test_a_tensor_of_another_shape_is_named(tmp_path: Path) -> None:
    state = network("dsen2cr", DSEN2CR).state_dict() | {"model.3.conv_block.2.weight": torch.rand(8, 8, 5, 5)}
    torch.save(state, tmp_path / "a.pth")

    with pytest.raises(
        ModelError, match=r"'model.3.conv_block.2.weight' is of shape \(8, 8, 5, 5\); of shape \(8, 8, 3"
    ):
        proposals(read_checkpoint(str(tmp_path / "a.pth")))


def test_an_empty_tensor_is_named(tmp_path: Path) -> None:
    state = network("dsen2cr", DSEN2CR).state_dict() | {"model.3.conv_block.2.bias": torch.rand(0)}
    torch.save(state, tmp_path / "a.pth")

    with pytest.raises(ModelError, match=r"'model\.3\.conv_block\.2\.bias' is empty"):
        proposals(read_checkpoint(str(tmp_path / "a.pth")))


def test_a_missing_last_convolution_is_named(tmp_path: Path) -> None:
    state = network("dsen2cr", DSEN2CR).state_dict()
    torch.save({key: value for key, value in state.items() if "model.5" not in key}, tmp_path / "a.pth")

    with pytest.raises(ModelError, match=r"4 sides were expected of 'model\.5\.weight', which has none"):
        proposals(read_checkpoint(str(tmp_path / "a.pth")))


def test_another_network_of_keras_is_unknown(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in range(6):
            file[f"layers/dense_{number}/vars/0"] = np.ones((4, 4), np.float32)
    found = read_checkpoint(str(tmp_path / "a.h5"))

    assert proposals(found) == []
    assert found.shapes["layers/dense_0/vars/0"] == (4, 4)
