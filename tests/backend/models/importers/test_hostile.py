"""Files that could do harm are refused by name, with one sentence, before anything of them is believed."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from unclouded.backend.errors import ModelError
from unclouded.backend.models.importers.families import proposals
from unclouded.backend.models.importers.reading import read_checkpoint

from .checkpoints import DSEN2CR, keras2, network

TERABYTES = 1 << 42


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


class Grown:
    """Asks for a terabyte of zeros when it is unpickled, which torch would allow."""

    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (TERABYTES,)


def refused(path: Path) -> str:
    """Gives the words with which a file is refused."""
    with pytest.raises(ModelError) as caught:
        proposals(read_checkpoint(str(path)))
    assert caught.value.hint
    return str(caught.value)


@pytest.mark.parametrize("wrap", ["zip", "legacy", "pickle 2", "pickle 5", "beside weights"])
def test_a_pickle_bomb_is_named_and_does_not_go_off(tmp_path: Path, wrap: str) -> None:
    bomb, path = Bomb(f"touch {tmp_path / 'ran'}"), tmp_path / "model.pth"
    if wrap.startswith("pickle"):
        path.write_bytes(pickle.dumps(bomb, protocol=int(wrap[-1])))
    elif wrap == "beside weights":
        torch.save({"state_dict": network("dsen2cr", DSEN2CR).state_dict(), "note": bomb}, path)
    else:
        torch.save(bomb, path, _use_new_zipfile_serialization=wrap == "zip")

    assert "is refused: it holds the code posix.system" in refused(path)
    assert not (tmp_path / "ran").exists()
    torch.load(path, weights_only=False) if wrap in ("zip", "legacy") else pickle.loads(
        pickle.dumps(bomb)
    )  # it is a real one
    assert (tmp_path / "ran").exists()


def test_code_that_would_only_cost_memory_is_refused_too(tmp_path: Path) -> None:
    torch.save(Grown(), tmp_path / "model.pth")

    assert "bytearray" in refused(tmp_path / "model.pth")


def test_a_whole_module_is_refused_and_its_class_named(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pth")

    words = refused(tmp_path / "model.pth")
    assert "the code torch.nn.modules.linear.Linear" in words
    assert "save the network's state_dict alone" in words


def rewritten(path: Path, change: Callable[[str, bytes], tuple[str, bytes]], compressed: bool = False) -> None:
    """Writes an archive anew with each entry changed."""
    with zipfile.ZipFile(path) as archive:
        entries = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for entry in entries:
            archive.writestr(*change(*entry))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.pth"
    torch.save(network("dsen2cr", DSEN2CR).state_dict(), path)
    return path


@pytest.mark.parametrize("name", ["../../.bashrc", "/etc/cron.d/x", "..\\..\\x", "C:/x"])
def test_zip_slips(saved: Path, name: str) -> None:
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr(name, b"x")

    assert "leads out of the archive" in refused(saved)


def test_entries_that_grow(saved: Path) -> None:
    rewritten(saved, lambda name, content: (name, content), compressed=True)

    assert "is refused: its entry" in refused(saved)


def test_zip_bombs(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("m/data.pkl", "w") as entry:
        for _ in range(64):
            entry.write(bytes(1 << 20))

    assert f"claims {64 << 20} bytes" in refused(path)


def claiming(numbers: int) -> Callable[[str, bytes], tuple[str, bytes]]:
    """Lets the description of the first tensor claim so many numbers; its data stay as they are."""

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        if name.endswith("data.pkl"):  # 8 x 15 x 3 x 3 of them, in two bytes
            honest = b"M" + struct.pack("<H", 8 * 15 * 9)
            assert honest in content
            content = content.replace(honest, b"\x8a\x08" + struct.pack("<q", numbers), 1)
        return name, content

    return change


@pytest.mark.parametrize("numbers", [8 * 15 * 9 + 1, 10**6, TERABYTES, -5, 2**62])
def test_storages_that_claim_more_than_is_there_are_not_read_beyond(saved: Path, numbers: int) -> None:
    wanted = torch.load(saved, weights_only=True)
    rewritten(saved, claiming(numbers))
    try:
        found = read_checkpoint(str(saved))
    except ModelError:
        return
    assert all(torch.equal(found.state[key], value) for key, value in wanted.items())


def test_tensors_that_repeat_few_numbers_terabytes_long(tmp_path: Path) -> None:
    state = OrderedDict({"model.0.weight": torch.zeros(1).expand(TERABYTES)})
    torch.save(state, tmp_path / "model.pth")

    assert "claim more than its" in refused(tmp_path / "model.pth")


@pytest.mark.parametrize("make", [lambda: torch.eye(3).to_sparse(), lambda: torch.eye(3).to_sparse_csr()])
def test_tensors_of_another_layout(tmp_path: Path, make: Callable[[], torch.Tensor]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save({"a": make()}, tmp_path / "model.pth")

    assert "refused" in refused(tmp_path / "model.pth")


def test_old_files_that_claim_terabytes(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save({"a": torch.rand(300)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"M\x2c\x01", b"\x8a\x06" + struct.pack("<q", TERABYTES)[:6]))

    assert "no checkpoint, or damaged" in refused(path)


def test_torchscript_and_tar_hold_code(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.ReLU()).save(str(tmp_path / "model.pt"))
    with tarfile.open(tmp_path / "model.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("pickle"), io.BytesIO())

    assert "a TorchScript archive, which holds code" in refused(tmp_path / "model.pt")
    assert "no model" in refused(tmp_path / "model.tar")


def test_our_own_checkpoints_are_exported_instead(tmp_path: Path) -> None:
    torch.save({"recipe": {}, "state_dict": {}, "figures": {}, "data": {}}, tmp_path / "best.ckpt")

    assert "unclouded export" in refused(tmp_path / "best.ckpt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page, not a model"),
        (b"\xef\xbb\xbf\n <HTML><head>", "is a web page, not a model"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "only points to a model in Git LFS"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "no model: its first bytes are those of none"),
        (b"PK\x03\x04" + bytes(100), "no checkpoint, or damaged"),
        (b"\x80\x02", "no checkpoint, or damaged"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "no whole HDF5 file"),
        (struct.pack("<Q", TERABYTES) + b'{"a"', "no whole .safetensors file"),
        (struct.pack("<Q", 300_000) + b'{"a":' + b"[" * 299_995, "no whole .safetensors file"),
        (struct.pack("<Q", 8) + b'{"a": 1}', "no whole .safetensors file"),
    ],
)
def test_what_is_no_model(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "model.pth").write_bytes(content)

    assert words in refused(tmp_path / "model.pth")


def test_safetensors_of_terabytes(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [TERABYTES], "data_offsets": [0, 4 * TERABYTES]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(64))

    assert "no whole .safetensors file" in refused(tmp_path / "a.safetensors")


def test_a_generator_of_ours_needs_no_import(tmp_path: Path) -> None:
    header = json.dumps({"__metadata__": {"card": "{}"}}).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)

    assert "a generator of ours already" in refused(tmp_path / "a.safetensors")


@pytest.mark.parametrize("name", ["none.pth", "."])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    assert "cannot be read" in refused(tmp_path / name)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["zip", "legacy", "keras"])
def test_files_that_are_cut_off(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / "model.pth"
    if kind == "keras":
        path = Path(keras2(tmp_path))
    else:
        torch.save(network("dsen2cr", DSEN2CR).state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])

    assert "no checkpoint, or damaged" in (words := refused(path)) or "no whole HDF5 file" in words


class TestHdf5:
    def write(self, folder: Path, change: Callable[[h5py.Group], None]) -> Path:
        path = Path(keras2(folder))
        with h5py.File(path, "a") as file:
            change(file["model_weights"])
        return path

    def replaced(self, folder: Path, **options: Any) -> str:
        """Puts another data set in the place of the first kernel."""

        def change(group: h5py.Group) -> None:
            del group["conv2d_1/conv2d_1/kernel:0"]
            group["conv2d_1"].create_dataset("conv2d_1/kernel:0", **options)

        return refused(self.write(folder, change))

    def test_terabytes_that_are_not_there(self, tmp_path: Path) -> None:
        assert f"claims {4 * 9 * 15 * 2**36} bytes" in self.replaced(
            tmp_path, shape=(3, 3, 15, 2**36), dtype="f4", chunks=(3, 3, 15, 8)
        )

    def test_zeros_that_grow(self, tmp_path: Path) -> None:
        words = self.replaced(tmp_path, data=np.zeros((3, 3, 15, 100_000), "f4"), compression="gzip")

        assert "the file has not as many" in words

    def test_numbers_in_another_file(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(bytes(4 * 9 * 15 * 8))
        words = self.replaced(
            tmp_path, shape=(3, 3, 15, 8), dtype="f4", external=[(str(tmp_path / "secret"), 0, 4 * 9 * 15 * 8)]
        )

        assert "lies in another file" in words

    @pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "/a"), h5py.SoftLink("/optimizer_weights")])
    def test_links(self, tmp_path: Path, link: Any) -> None:
        def change(group: h5py.Group) -> None:
            del group["conv2d_1"]
            group["conv2d_1"] = link

        assert "no whole HDF5 file" in refused(self.write(tmp_path, change))

    def test_names_without_end(self, tmp_path: Path) -> None:
        def change(group: h5py.Group) -> None:
            group.attrs["layer_names"] = np.array(["a" * 4000] * 10, "S")

        assert "no whole HDF5 file" in refused(self.write(tmp_path, change))

    def test_circles(self, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["a/b/c"] = np.ones(3, np.float32)
            file["a/b/again"] = file["a"]

        assert proposals(read_checkpoint(str(tmp_path / "a.h5"))) == []
