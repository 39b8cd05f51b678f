"""What a folder remembers of its results, and what it makes of them later."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unclouded.backend import hashing
from unclouded.backend.batch.manifest import NAME, Manifest
from unclouded.backend.errors import Cancelled, OutputError
from unclouded.backend.protocol import Done, RemoveClouds

FINISHED = ("finished", "")


@pytest.fixture
def job(shop: Any) -> RemoveClouds:
    """Is finished: its output is there, and its folder knows it."""
    shop.raster("o.tif", shop.numbers(4, 20, 20))
    shop.raster("s1.tif", shop.land(2, 20, 20).astype("float32"))
    (shop.folder / "g.safetensors").write_bytes(b"weights")
    (shop.folder / "out").mkdir()
    job = RemoveClouds(
        "o", shop.path("o.tif"), shop.path("out/o.tif"), shop.path("s1.tif"), model=shop.path("g.safetensors")
    )
    manifest = Manifest(shop.folder / "out")
    manifest.begin([job])
    shop.raster("out/o.tif", shop.numbers(4, 20, 20), tags={"UNCLOUDED_PARAMETERS": "{}"})
    manifest.finish(job, Done("o", job.output, cloud_fraction=0.25), 1.0, [])
    return job


def _state(job: RemoveClouds) -> tuple[str, str]:
    state = Manifest(Path(job.output).parent).state(job)
    return state.kind, state.reason


def test_a_result_is_known_again(job: RemoveClouds) -> None:
    assert _state(job) == FINISHED
    assert Manifest(Path(job.output).parent).entries["o"].cloud_fraction == 0.25


def test_what_does_not_change_a_result(job: RemoveClouds, shop: Any) -> None:
    os.utime(job.optical, (1, 1))
    moved = shutil.move(job.sar, shop.path("elsewhere.tif"))
    os.rename(moved, shop.path("s1.tif"))

    assert _state(replace(job, device="cpu", overwrite=True)) == FINISHED


def _rewrite_as_user(shop: Any) -> None:
    shop.raster("out/o.tif", shop.numbers(4, 20, 20, seed=3))


def _write_input(shop: Any) -> None:
    shop.raster("o.tif", shop.numbers(4, 20, 20, seed=3))


def _write_model(shop: Any) -> None:
    (shop.folder / "g.safetensors").write_bytes(b"others")


def _damage(shop: Any) -> None:
    with open(shop.path("out/o.tif"), "rb+") as file:
        file.seek(600)
        file.write(b"\0\1\2")


def _cut(shop: Any) -> None:
    os.truncate(shop.path("out/o.tif"), 100)


@pytest.mark.parametrize(
    ("happens", "state"),
    [
        (_write_input, ("redo", "changed: optical")),
        (_write_model, ("redo", "changed: model")),
        (_damage, ("redo", "damaged: ")),
        (_cut, ("redo", "damaged: ")),
        (lambda shop: os.remove(shop.path("out/o.tif")), ("redo", "missing: ")),
        (lambda shop: os.remove(shop.path("s1.tif")), ("redo", "changed: sar")),
        (_rewrite_as_user, ("taken", "")),
    ],
)
def test_what_happens_to_files(
    job: RemoveClouds, shop: Any, happens: Callable[[Any], None], state: tuple[str, str]
) -> None:
    happens(shop)
    kind, reason = _state(job)

    assert kind == state[0]
    assert reason.startswith(state[1])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "inpaint"}, "changed: method, model"),
        ({"grow_px": 3, "level": "L1C"}, "changed: grow_px, level"),
        ({"sar": None}, "changed: sar"),
    ],
)
def test_other_parameters(job: RemoveClouds, changes: dict[str, Any], reason: str) -> None:
    assert _state(replace(job, **changes)) == ("redo", reason)


def test_another_version_makes_it_again(job: RemoveClouds) -> None:
    path = Path(job.output).parent / NAME
    content = json.loads(path.read_text())
    content["results"]["o"]["version"] = "0.0.1"
    path.write_text(json.dumps(content))

    assert "version 0.0.1, now" in _state(job)[1]


def test_a_result_that_was_begun(job: RemoveClouds, shop: Any) -> None:
    other = replace(job, id="b", output=shop.path("out/b.tif"))
    manifest = Manifest(shop.folder / "out")
    assert _state(other) == ("new", "")
    manifest.begin([other])
    assert _state(other) == ("new", "")
    (shop.folder / "out" / ".b.tif.part").mkdir()
    assert _state(other) == ("redo", "half-made")
    shop.raster("out/b.tif", shop.numbers(4, 20, 20), tags={"UNCLOUDED_PARAMETERS": "{}"})
    assert _state(other) == ("redo", "half-made")
    shop.raster("out/b.tif", shop.numbers(4, 20, 20))
    assert _state(other)[0] == "taken"


def test_an_input_that_changes_meanwhile_is_not_taken_for_what_was_read(job: RemoveClouds, shop: Any) -> None:
    manifest = Manifest(shop.folder / "out")
    manifest.begin([job])
    _write_input(shop)
    manifest.finish(job, Done("o", job.output), 1.0, [])

    assert _state(job) == ("redo", "changed: optical")


def test_results_are_verified_by_content_alone(job: RemoveClouds, shop: Any) -> None:
    times = os.stat(job.output)
    _damage(shop)
    os.utime(job.output, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert _state(job)[1].startswith("damaged: ")


def _verified(job: RemoveClouds) -> list[tuple[str, float]]:
    """What is said while the result of a job is verified."""
    said: list[tuple[str, float]] = []
    Manifest(Path(job.output).parent).verify([job], lambda text, share: said.append((text, share)))
    return said


def test_it_says_how_far_it_is_with_verifying(job: RemoveClouds, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "BLOCK_BYTES", 100)
    size = os.path.getsize(job.output)
    shares = [share for _, share in _verified(job)]

    assert {text for text, _ in _verified(job)} == {"verifying o.tif"}
    assert shares == pytest.approx([min(read, size) / size for read in range(100, size + 100, 100)])
    os.utime(job.sar, (1, 1))
    assert {text for text, _ in _verified(job)} == {"verifying o.tif", "verifying s1.tif"}
    assert not _verified(replace(job, id="other"))


def test_what_was_verified_is_not_read_again(job: RemoveClouds, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest(Path(job.output).parent)
    manifest.verify([job], lambda *_: None)
    monkeypatch.setattr(Path, "open", None)

    assert manifest.state(job).kind == "finished"


def test_verifying_can_be_stopped_in_the_middle_of_a_file(job: RemoveClouds, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(text: str, share: float) -> None:
        if share > 0.5:
            raise Cancelled

    monkeypatch.setattr(hashing, "BLOCK_BYTES", 100)
    with pytest.raises(Cancelled):
        Manifest(Path(job.output).parent).verify([job], stop)
    assert _state(job) == FINISHED


def test_what_cannot_be_read_is_said_of_its_scene_alone(job: RemoveClouds) -> None:
    os.remove(job.sar)
    os.symlink("/proc/self/mem", job.sar)  # opens, but has nothing at its beginning
    manifest = Manifest(Path(job.output).parent)
    manifest.verify([job], lambda *_: None)

    with pytest.raises(OSError, match="Input/output error"):
        manifest.state(job)


def test_a_product_is_all_its_files(shop: Any) -> None:
    for band in ("B02", "B03", "B04", "B08"):
        shop.raster(f"p/T31TCJ_20200601_{band}.tif", shop.numbers(1, 20, 20))
    job = RemoveClouds("p", shop.path("p"), shop.path("p_out.tif"), method="inpaint")
    manifest = Manifest(shop.folder)
    before = manifest.inputs(job)
    shop.raster("p/T31TCJ_20200601_B03.tif", shop.numbers(1, 20, 20, seed=5))

    assert manifest.inputs(job) != before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("parameters", 5),
        ("inputs", ["a"]),
        ("files", {"o.tif": 1}),
        ("version", None),
        ("cloud_fraction", "much"),
        ("quality", {"seam_ratio": "high"}),
        ("seconds", float("nan")),
        ("warnings", "one"),
        ("colour", "red"),
        ("stamp", 5),
        ("sha256", None),
    ],
)
def test_a_memory_whose_values_are_none(job: RemoveClouds, name: str, value: Any) -> None:
    path = Path(job.output).parent / NAME
    content = json.loads(path.read_text())
    damaged = content["digests"] if name in ("stamp", "sha256") else content["results"]
    next(iter(damaged.values()))[name] = value
    path.write_text(json.dumps(content))

    with pytest.raises(OutputError, match="cannot be read") as caught:
        Manifest(path.parent)
    assert name in caught.value.message


@pytest.mark.parametrize(
    "content", ["{", "[]", pytest.param("[" * 100_000, id="deep"), '{"format": 99}', '{"format": 1, "results": 3}']
)
def test_a_memory_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    with pytest.raises(OutputError, match="cannot be read") as caught:
        Manifest(tmp_path)
    assert "--overwrite" in caught.value.hint
