"""A plan says what will be installed, where, how large it is, and what stands in its way."""

from __future__ import annotations

from pathlib import Path

import pytest

from unclouded.backend.errors import BackendError
from unclouded.plugin.installing import plan as plans
from unclouded.plugin.installing.base_python import BasePython
from unclouded.plugin.installing.plan import in_words, make_plan

from .conftest import World

OLD = BasePython(Path("/usr/bin/python3"), (3, 9, 2), "x86_64", "/usr/bin/python3 is Python 3.9.2; 3.10 is needed.")


def test_it_says_what_where_and_how_large(tmp_path: Path) -> None:
    plan = make_plan("cpu", target=tmp_path / "environment")
    summary = plan.summary()
    for words in (
        "PyTorch",
        "CPU",
        str(tmp_path / "environment"),
        "423 MB to download",
        "1.7 GB on the disk",
        "Python 3.",
    ):
        assert words in summary
    assert plan.needed_bytes == 1_720_000_000 + 2 * 423_000_000
    assert not (tmp_path / "environment").exists()


def test_an_offline_folder_is_looked_through(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"lacks wheels .*aenum==.* and \d+ more"):
        make_plan("cpu", wheels=tmp_path, target=tmp_path / "environment")


def test_where_no_python_fits_uv_is_needed_and_the_reason_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "choose_base", lambda bases: OLD)
    plan = make_plan("cpu", target=tmp_path / "environment")
    assert plan.needs_uv
    assert "3.9.2" in plan.summary()
    with pytest.raises(BackendError, match=r"3\.9\.2"):  # uv cannot help without network
        make_plan("cpu", wheels=tmp_path, target=tmp_path / "environment")


def test_a_machine_that_no_python_helps_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mac = BasePython(Path("/p"), (3, 12, 0), "x86_64", "/p runs on a Mac with an Intel processor.", curable=False)
    monkeypatch.setattr(plans, "choose_base", lambda bases: mac)
    with pytest.raises(BackendError, match="Intel") as caught:
        make_plan("cpu", target=tmp_path / "environment")
    assert "another machine" in caught.value.hint


def test_the_installed_variant_stays_unless_another_is_asked_for(installed: World) -> None:
    plan = make_plan(target=installed.target)
    assert plan.variant.name == "cpu"
    assert make_plan("cpu", target=installed.target).variant == plan.variant


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackendError, match="not made by Unclouded"):
        make_plan("cpu", target=tmp_path)


@pytest.mark.parametrize(
    ("size", "words"), [(402_000_000, "402 MB"), (999_900_000, "1.0 GB"), (2_900_000_000, "2.9 GB")]
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert in_words(size) == words
