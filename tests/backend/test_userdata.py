"""A user's files have a place of their own on every system, and generators one that can be chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from unclouded.backend.userdata import MODELS_VARIABLE, user_data, user_models


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {"HOME": "/h"}, "/h/.local/share/unclouded"),
        ("linux", {"HOME": "/h", "XDG_DATA_HOME": "/x"}, "/x/unclouded"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support/Unclouded"),
        ("win32", {"HOME": "/h"}, "/h/AppData/Local/Unclouded"),
        ("win32", {"HOME": "/h", "LOCALAPPDATA": "/l"}, "/l/Unclouded"),
    ],
)
def test_each_system_has_its_place(platform: str, environ: dict[str, str], expected: str) -> None:
    assert user_data(environ, platform) == Path(expected)
    assert user_models(environ, platform) == Path(expected) / "models"


def test_the_variable_chooses_the_folder_of_generators() -> None:
    assert user_models({"HOME": "/h", MODELS_VARIABLE: "/mine"}, "linux") == Path("/mine")
    assert user_models({"HOME": "/h", MODELS_VARIABLE: "~/mine"}, "linux") == Path("~/mine").expanduser()
    assert user_models({"HOME": "/h", MODELS_VARIABLE: " "}, "linux") == Path("/h/.local/share/unclouded/models")
