"""The tree of errors is what its docstring draws, and every error says what came and what to do."""

from __future__ import annotations

import pickle
import re

import pytest

from unclouded.backend import errors


def drawn() -> dict[str, tuple[str, int | None]]:
    """Class name to code and exit code, where the drawing states one."""
    lines = re.findall(r"^ +[│├└─ ]*([A-Z]\w+) {2,}([a-z][a-z-]*)(?: +(\d+))?", errors.__doc__ or "", re.MULTILINE)
    return {name: (code, int(number) if number else None) for name, code, number in lines}


def classes() -> list[type[errors.UncloudedError]]:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind for kind in found if issubclass(kind, errors.UncloudedError) and kind is not errors.UncloudedError]


def test_the_drawing_shows_every_error() -> None:
    assert set(drawn()) - {"UncloudedError"} == {kind.__name__ for kind in classes()}


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_codes_are_those_of_the_drawing(kind: type[errors.UncloudedError]) -> None:
    code, exit_code = drawn()[kind.__name__]
    parents = [drawn()[parent.__name__][1] for parent in kind.__mro__ if parent.__name__ in drawn()]
    stated = exit_code or next((number for number in parents if number), None)

    assert kind.code == code
    assert stated is None or kind.exit_code == stated


def test_each_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in classes()]

    assert len(set(codes)) == len(codes)


def test_a_batch_of_which_nothing_is_finished_says_no_more() -> None:
    assert errors.BatchIncomplete(2, 5).message == "2 of 5 scenes failed; the others are finished."
    assert errors.BatchIncomplete(5, 5).message == "5 of 5 scenes failed."


def test_no_overlap_names_both_extents() -> None:
    error = errors.NoOverlap("date", "b.tif", (0, 1, 2, 3), (10.5, 11, 12, 13))

    assert "[0, 1, 2, 3]" in str(error)
    assert "[10.5, 11, 12, 13]" in str(error)
    assert "b.tif" in error.message
    assert "same place" in error.hint


def test_message_and_hint_make_the_text() -> None:
    assert str(errors.UsageError("Seven came.", "Give three.")) == "Seven came. Give three."
    assert str(errors.UsageError("Seven came.")) == "Seven came."


def test_they_go_from_one_process_to_another() -> None:
    error = errors.NoOverlap("date", "b.tif", (0, 1, 2, 3), (10.5, 11, 12, 13))
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is errors.NoOverlap
    assert (again.message, again.hint, str(again)) == (error.message, error.hint, str(error))
    assert pickle.loads(pickle.dumps(errors.Cancelled("best.safetensors"))).kept == "best.safetensors"
