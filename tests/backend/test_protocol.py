"""Messages survive the pipe, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import json
import typing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.backend import protocol
from unclouded.backend.errors import BackendError
from unclouded.backend.model_jobs import ListModels

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ANY = st.one_of(st.none(), st.booleans(), st.integers(), FLOATS, st.text(), st.lists(st.integers()))


def values(hint: Any) -> st.SearchStrategy[Any]:
    if hint is Any:
        return ANY
    if hint is float:
        return FLOATS
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is list:
        return st.lists(values(parts[0]), max_size=3)
    if typing.get_origin(hint) is dict:
        return st.dictionaries(values(parts[0]), values(parts[1]), max_size=3)
    return st.one_of(*(values(part) for part in parts)) if parts else st.from_type(hint)


@st.composite
def messages(draw: st.DrawFn) -> protocol.Message:
    kind = draw(st.sampled_from(list(protocol.MESSAGES.values())))
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: draw(values(hints[field.name])) for field in dataclasses.fields(kind)})


@given(messages())
@settings(max_examples=300, deadline=None)
def test_messages_survive_the_pipe(message: protocol.Message) -> None:
    line = protocol.encode(message)

    assert line.isascii()
    assert not set(line) & set("\r\n\v\f")
    assert protocol.decode(line) == message


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no json",
        "null",
        "7",
        "[]",
        '["type"]',
        "{}",
        '{"type": "Nonsense"}',
        '{"type": ["Ping"], "id": "1"}',
        '{"type": "Ping"}',
        '{"type": "Ping", "id": "1", "colour": "red"}',
        '{"type": "RemoveClouds", "id": "1"}',
        '{"type": "Ping", "id": "1"',
    ],
)
def test_other_lines_are_refused_with_what_came(line: str) -> None:
    with pytest.raises(BackendError) as error:
        protocol.decode(line)

    assert f"protocol {protocol.PROTOCOL}" in error.value.message
    assert repr(line) in error.value.message
    assert "restart" in error.value.hint


def test_a_long_line_is_not_repeated_whole() -> None:
    with pytest.raises(BackendError) as error:
        protocol.decode("x" * 10_000)

    assert len(error.value.message) < 400


def test_the_password_of_a_proxy_is_not_repeated() -> None:
    job = protocol.encode(ListModels("1", "https://example.org", "http://jo:hidden%2F1@proxy:3128"))

    for line in (job.replace("ListModels", "ListAll"), job[:-1]):
        with pytest.raises(BackendError) as error:
            protocol.decode(line)
        assert "hidden" not in str(error.value)
        assert "proxy:3128" in str(error.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        protocol.encode(protocol.Progress("1", number, "reading"))


def test_a_line_is_an_object_with_its_type() -> None:
    sent = json.loads(protocol.encode(protocol.Cancel("5")))

    assert sent == {"type": "Cancel", "id": "5"}


def test_fields_that_are_left_out_take_their_defaults() -> None:
    job = protocol.decode('{"type": "RemoveClouds", "id": "1", "optical": "a.tif", "output": "b.tif"}')

    assert job == protocol.RemoveClouds("1", "a.tif", "b.tif")
    assert job.dates == []
