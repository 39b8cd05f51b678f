"""The command words its errors."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from unclouded.backend.datasets.collection import VARIABLE
from unclouded.backend.training import __main__, score


def test_training_without_data_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    result = CliRunner().invoke(__main__.main, ["fusion", "--out", str(tmp_path)])

    assert result.exit_code == 1
    assert f"Set {VARIABLE}" in result.output


def test_unknown_recipe_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(__main__.main, ["miracle", "--out", str(tmp_path)])

    assert result.exit_code == 1
    assert "No recipe 'miracle'" in result.output


def test_scoring_an_unknown_generator_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    result = CliRunner().invoke(score.main, ["miracle"])

    assert result.exit_code == 1
    assert "'miracle'" in result.output
