"""Indexes: where they are looked for, and that those of strangers do no harm."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.backend.errors import Cancelled, ModelError, UncloudedError, UsageError
from unclouded.backend.installed import MODELS
from unclouded.backend.library.index import MAX_BYTES, Index, parse_index, read_index
from unclouded.backend.library.transport import Network, Patience
from unclouded.backend.reporting import Reporter

from .servers import Site, redirect, stall, status, whole

FAST = Patience(connect_s=5, silence_s=0.3, waits_s=(0.01, 0.01))
GOOD = {
    "name": "alder",
    "version": "1",
    "title": "A generator",
    "file": "alder.safetensors",
    "size_bytes": 5,
    "sha256": "0" * 64,
}


def index_of(content: bytes, **facts: Any) -> bytes:
    """An index with one model, of that content."""
    proof = {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return as_index(GOOD | proof | facts)


def as_index(*models: Any, **more: Any) -> bytes:
    return json.dumps({"schema": 1, "models": models} | more).encode()


def read(address: object, patience: Patience = FAST, cancelled: Any = lambda: False) -> Index:
    return read_index(str(address), Network(patience=patience), Reporter("1", lambda _: None, cancelled))


def refusal(content: bytes, address: str = "https://example.org/index.json") -> str:
    with pytest.raises(ModelError) as error:
        parse_index(content, address)
    assert error.value.hint
    return error.value.message


def test_the_index_that_comes_along_has_no_downloads_and_says_where_to_get_what_it_names() -> None:
    entries = read("").entries

    assert entries
    for entry in entries:
        assert not entry.file
        assert entry.note
        assert entry.licence
        assert not entry.problem
    assert {entry.name for entry in entries} >= {
        "dsen2cr-sar-carl",
        "uncrtaints",
        "spagan-rice1",
        "glf-cr",
        "clear-net",
    }
    assert (MODELS / "index.json").is_file()


@pytest.mark.parametrize("given", ["", "/", "/index.json"])
def test_an_index_is_found_on_a_server(site: Site, given: str) -> None:
    site.put("/team/index.json", whole(as_index(GOOD)))
    index = read(f"{site.address}/team{given}")

    assert index.addresses(index.entries[0]) == [f"{site.address}/team/alder.safetensors"]


@pytest.mark.parametrize("given", ["{}", "{}/index.json", "file://{}", "file://localhost{}/index.json"])
def test_an_index_is_found_in_a_folder(tmp_path: Path, given: str) -> None:
    folder = tmp_path / "a share"
    folder.mkdir()
    (folder / "index.json").write_bytes(as_index(GOOD))
    index = read(given.format(folder))

    assert index.addresses(index.entries[0]) == [str(folder / "alder.safetensors")]


def test_files_lie_where_the_index_was_found_in_the_end(site: Site) -> None:
    site.put("/old/index.json", redirect("/new/models.json"))
    site.put(
        "/new/models.json", whole(as_index(GOOD | {"file": "a b#.safetensors", "mirrors": ["https://example.org/x?y"]}))
    )
    index = read(f"{site.address}/old")

    assert index.addresses(index.entries[0]) == [f"{site.address}/new/a%20b%23.safetensors", "https://example.org/x?y"]


def test_a_server_that_is_busy_is_asked_again(site: Site) -> None:
    site.put("/index.json", status(503), status(503), whole(as_index(GOOD)))

    assert len(read(site.address).entries) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(404), "has no such file"),
        (status(503), "too busy"),
        (stall, "stopped sending"),
        (whole(b"<html>", Content_Type="text/html"), "web page"),
        (whole(b" " * (MAX_BYTES + 1)), "larger than 4 MiB"),
    ],
    ids=["404", "503", "stall", "html", "large"],
)
def test_an_index_that_cannot_be_had(site: Site, answer: Any, words: str) -> None:
    site.put("/index.json", answer)
    with pytest.raises(ModelError, match=words) as error:
        read(site.address.replace("//", "//ann:s3cret@"))

    assert len(site.requests) <= 1 + len(FAST.waits_s)
    assert "s3cret" not in str(error.value)


def test_reading_is_cancelled_at_once(site: Site) -> None:
    site.put("/index.json", stall)
    with pytest.raises(Cancelled):
        read(site.address, Patience(silence_s=600), lambda: bool(site.requests))


@pytest.mark.parametrize("address", ["ftp://example.org/models", "s3://bucket/models", "javascript://x"])
def test_other_kinds_of_addresses_are_refused(address: str) -> None:
    with pytest.raises(UsageError, match=f"{address.partition(':')[0]}: was given"):
        read(address)


def test_a_folder_without_an_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"index\.json cannot be read: No such file"):
        read(tmp_path)


def test_unknown_fields_are_passed_over() -> None:
    index = parse_index(as_index(GOOD | {"colour": {"deep": [1]}}, made="today"), "/x/index.json")

    assert index.find("alder") == index.entries[0]
    assert index.find("birch") is None


def test_another_schema_is_refused_in_words() -> None:
    message = refusal(json.dumps({"schema": 2, "generators": {}}).encode())

    assert (
        message == "The index of models at https://example.org/index.json is of schema 2; this version reads schema 1."
    )


@pytest.mark.parametrize(
    ("needed", "fits"), [("0.0.9", True), ("0.1", True), ("0.1.0", True), ("0.1.1", False), ("10", False)]
)
def test_a_model_may_need_a_newer_unclouded(needed: str, fits: bool) -> None:
    entry = parse_index(as_index(GOOD | {"min_unclouded": needed}), "/x/index.json").entries[0]

    assert bool(entry.problem) != fits
    assert fits or needed in entry.problem


@pytest.mark.parametrize("missing", ["sha256", "size_bytes"])
def test_a_model_without_proof_is_listed_with_its_problem(missing: str) -> None:
    found = {key: value for key, value in GOOD.items() if key != missing}

    assert "no SHA-256 or no size" in parse_index(as_index(found), "/x/index.json").entries[0].problem


WRONG = {
    "name": ["", "..", "a/b", "a\\b", "../a", "/a", "C:a", "a.b", ".a", "a b", "a\n", "default", "CON", "x" * 65, 7],
    "version": ["", 1, None, "1\n2", "\x1b[31m"],
    "title": ["", ["a"], "a\u202eb", "x" * 2001],
    "file": ["../x", "a/../../x", "/etc/passwd", "C:\\x", "C:/x", "\\\\host\\share\\x", "//host/x", "file:///x", "a//b",
             "ftp://example.org/x", "http://", "https://exa mple.org/x", "x\x00y", "./x", "http:x", 5],
    "mirrors": ["x", [5], ["../x"], [["x"]], ["x"] * 65, {"a": 1}],
    "size_bytes": [-1, 1.5, "5", True, 1 << 60, None],
    "sha256": ["0" * 63, "G" * 64, "0" * 65, 0, "A" * 64],
    "min_unclouded": ["new", "1.", "1.2.3.4.5", "9" * 50, 1, "\u0661"],
    "bands": ["B2", [2], [None], ["x"] * 65],
    "required_bands": [["B2"]],
    "levels": [["L3"], "L1C"],
    "sar": ["maybe", True, None],
    "dates": ["many"],
    "scores": [[], "good", 1, {str(number): 1 for number in range(65)}],
    "page": ["file:///etc/passwd", "javascript:alert(1)", "example.org", "https://", 'https://x.org/" onclick', "http://[::1"],
    "note": ["a\nb", {}],
}  # fmt: skip


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_field_that_may_not_be_so_refuses_the_index(key: str, value: Any) -> None:
    message = refusal(as_index({**GOOD, "name": "birch"}, GOOD | {key: value}))

    assert "is no index of models: its model 2" in message
    assert len(message) < 500


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe\x00", ""),
        (b"\x80\x04\x95", ""),
        (b"[]", "no object with a schema"),
        (b"{}", "no object with a schema"),
        (b'{"schema": 1}', "no list of models"),
        (b'{"schema": 1, "models": {}}', "no list of models"),
        (b'{"schema": 1, "models": [[]]}', "its model 1 .*no object"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"schema": 1, "models": ' + b'{"a":' * 100_000, "nested too deeply"),
        (b"9" * 10_000, ""),
        (as_index(GOOD, GOOD), "two models of the name 'alder'"),
        (as_index(GOOD, GOOD | {"name": "ALDER"}), "two models of the name 'alder'"),
        (as_index(*[GOOD] * 2001), "2001 models"),
        (as_index(GOOD | {"scores": {"mae": float("nan")}}), "not JSON compliant"),
        (as_index(GOOD).replace(b'"size_bytes": 5', b'"scores": {"mae": 1e999}'), "not JSON compliant"),
        (as_index(GOOD | {"scores": {"\ud800": 1}}), "surrogates"),
        (as_index({"name": "birch", "version": "1", "title": "B"}), "neither a file nor a page"),
        (as_index({"name": "birch", "version": "1"}), "no title"),
    ],
)
def test_a_file_that_is_no_index_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ModelError, match=f"(?s)is no index of models: .*{words}"):
        parse_index(content, "/x/index.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*WRONG, "colour"]), JSON, max_size=6))
def test_whatever_stands_in_an_index_it_is_read_or_refused(fields: dict[str, Any]) -> None:
    try:
        entries = parse_index(as_index(GOOD | fields), "https://example.org/index.json").entries
    except UncloudedError:
        return
    assert entries[0].name.isascii()
    json.dumps([vars(entry) for entry in entries], allow_nan=False)


@given(st.binary(max_size=60))
def test_whatever_a_file_holds_it_is_read_or_refused(content: bytes) -> None:
    with pytest.raises(ModelError):
        parse_index(content, "/x/index.json")
