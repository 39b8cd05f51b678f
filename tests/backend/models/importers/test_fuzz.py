"""Damaged checkpoints are read or refused in words, in thousands, without a crash and with bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from .checkpoints import graph, keras2, network

SCRIPT = Path(__file__).with_name("fuzz.py")
TINY = {"in_channels": 3, "out_channels": 3, "features": 2, "blocks": 1}
"""So small that most of the file is what describes it."""
COUNTS = {"zip": 1000, "legacy": 1000, "keras": 1000, "safetensors": 1000, "graph": 1000}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded with Linux's limits")
@pytest.mark.slow
@pytest.mark.parametrize("kind", COUNTS)
def test_damaged_files(tmp_path: Path, kind: str) -> None:
    state = network("dsen2cr", TINY).state_dict()
    if kind == "zip":
        torch.save(state, tmp_path / "zip.pth")
    elif kind == "legacy":
        torch.save(state, tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    elif kind == "keras":
        Path(keras2(tmp_path, TINY)).rename(tmp_path / "keras.h5")
    elif kind == "safetensors":
        save_file(state, tmp_path / "safetensors.safetensors")
    else:
        (tmp_path / "graph.onnx").write_bytes(graph(3, 3).SerializeToString())
    command = [sys.executable, str(SCRIPT), str(tmp_path), kind, "0", str(COUNTS[kind])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)

    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-3000:]}"
    read, refused, without_words = map(int, done.stdout.split())
    assert read + refused == COUNTS[kind]
    assert without_words == 0
    assert refused > COUNTS[kind] / 4
