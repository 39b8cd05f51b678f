"""Downloads that are broken off, and go on: by the same server, by another, by a later try."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.backend.errors import Cancelled, ModelError
from unclouded.backend.library.download import unfinished
from unclouded.backend.library.transport import Patience

from .client import FAST, HALF, PATH, Client
from .servers import Handler, Site, serving, stall, status, until, whole


@pytest.mark.parametrize("then", [lambda handler: None, stall], ids=["drops", "stalls"])
def test_a_connection_that_ends_early_is_gone_on_with(
    client: Client, site: Site, content: bytes, entry: Any, then: Any
) -> None:
    address = site.put(PATH, until(content, HALF, then, tag='"a"'), whole(content, tag='"a"'))

    assert client.get(entry(), address) == content
    first, second = site.requests
    assert "Range" not in first[1]
    assert 0 < int(re.fullmatch(r"bytes=(\d+)-", second[1]["Range"])[1]) <= HALF
    assert second[1]["If-Range"] == '"a"'


def test_a_file_that_changed_meanwhile_is_got_anew(client: Client, site: Site, content: bytes, entry: Any) -> None:
    address = site.put(PATH, until(bytes(len(content)), HALF, tag='"old"'), whole(content, tag='"new"'))

    assert client.get(entry(), address) == content
    assert len(site.requests) == 2


def test_a_server_that_knows_no_ranges_begins_anew(client: Client, site: Site, content: bytes, entry: Any) -> None:
    address = site.put(PATH, until(content, HALF), whole(content, ranges=False))

    assert client.get(entry(), address) == content


def test_another_part_than_was_asked_for_is_not_taken(client: Client, site: Site, content: bytes, entry: Any) -> None:
    def other_part(handler: Handler) -> None:
        handler.reply(206, content[7:], Content_Range=f"bytes 7-{len(content) - 1}/{len(content)}")

    address = site.put(PATH, until(content, HALF), other_part, whole(content))

    assert client.get(entry(), address) == content
    assert site.ranges(PATH)[1] != site.ranges(PATH)[2] == ""


def test_what_an_earlier_try_left_is_gone_on_with(client: Client, site: Site, content: bytes, entry: Any) -> None:
    client.refused(entry(), site.put(PATH, until(content, HALF), status(404)))
    left = unfinished(client.folder, "alder")
    size = left[0].stat().st_size
    site.requests.clear()

    assert content.startswith(left[0].read_bytes())
    assert client.get(entry(), site.put(PATH, whole(content))) == content
    assert site.ranges(PATH) == [f"bytes={size}-"]
    assert "0.4 MB are there already" in client.said("info")


@pytest.mark.parametrize("length", [1000, "all", "more"])
def test_damage_that_an_earlier_try_left_is_thrown_away(
    client: Client, site: Site, content: bytes, entry: Any, length: Any
) -> None:
    client.refused(entry(), site.put(PATH, until(content, HALF), status(404)))
    part = unfinished(client.folder, "alder")[0]
    part.write_bytes(bytes({"all": len(content), "more": len(content) + 1}.get(length, length)))

    assert client.get(entry(), site.put(PATH, whole(content))) == content
    assert client.files == ["alder.safetensors"]


def test_what_is_left_of_another_file_is_not_gone_on_with(
    client: Client, site: Site, content: bytes, entry: Any
) -> None:
    other = bytes(len(content))
    client.refused(entry(other), site.put(PATH, until(other, HALF), status(404)))
    site.requests.clear()

    assert client.get(entry(), site.put(PATH, whole(content))) == content
    assert site.ranges(PATH) == [""]
    assert client.files == ["alder.safetensors"]


def test_a_range_behind_the_end_begins_anew(client: Client, site: Site, content: bytes, entry: Any) -> None:
    address = site.put(PATH, until(content, HALF), status(416), whole(content))

    client.refused(entry(), address)  # what this server gave itself is not asked for twice
    assert client.get(entry(), address) == content


def test_a_range_that_another_server_refuses_begins_anew(
    client: Client, site: Site, content: bytes, entry: Any
) -> None:
    first = site.put("/first", until(content, HALF), status(404))
    second = site.put("/second", status(416), whole(content))

    assert client.get(entry(), first, second) == content
    assert [bool(asked) for asked in site.ranges("/second")] == [True, False]


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_server_that_is_busy_is_asked_again(
    client: Client, site: Site, content: bytes, entry: Any, code: int
) -> None:
    address = site.put(PATH, status(code, Retry_After="0"), status(code), whole(content))

    assert client.get(entry(), address) == content
    assert f"(HTTP {code}); trying again" in client.said("warning")


def test_a_server_that_stays_busy_is_given_up(client: Client, site: Site, entry: Any) -> None:
    said = client.refused(entry(), site.put(PATH, status(503)))

    assert "is too busy (HTTP 503)" in said
    assert len(site.requests) == 1 + len(FAST.waits_s)


def test_a_mirror_goes_on_where_the_first_stopped(client: Client, site: Site, content: bytes, entry: Any) -> None:
    bad, good = site.put("/bad", until(content, HALF), status(404)), site.put("/good", whole(content))

    assert client.get(entry(), bad, good) == content
    assert site.ranges("/good")[0].startswith("bytes=")


def test_a_cancelled_download_stops_at_once_and_can_be_gone_on_with(
    client: Client, site: Site, content: bytes, entry: Any
) -> None:
    """The server would be waited for ten minutes."""
    client.patience = Patience(silence_s=600)
    address = site.put(PATH, until(content, HALF, stall), whole(content))
    with pytest.raises(Cancelled) as cancelled:
        client.get(entry(), address, cancelled=lambda: bool(unfinished(client.folder, "alder")))

    assert "goes on" in cancelled.value.hint
    assert [name.endswith(".part") for name in client.files] == [True]
    assert client.get(entry(), address) == content


def test_a_download_is_cancelled_before_the_server_answers(client: Client, site: Site, entry: Any) -> None:
    client.patience = Patience(silence_s=600)
    with pytest.raises(Cancelled):
        client.get(entry(), site.put(PATH, stall), cancelled=lambda: bool(site.requests))


EVILS = {
    "drops": lambda content, at: until(content, at),
    "drops after wrong bytes": lambda content, at: until(bytes(len(content)), at),
    "has another state": lambda content, at: until(bytes(len(content)), at, tag=f'"{at}"'),
    "is busy": lambda content, at: status(503),
    "has less": lambda content, at: status(416),
    "knows no ranges and drops": lambda content, at: (
        lambda handler: handler.reply(200, content[:at], Content_Length=str(len(content)))
    ),
    "sends another part": lambda content, at: (
        lambda handler: handler.reply(206, content[at:], Content_Range=f"bytes {at}-{len(content) - 1}/{len(content)}")
    ),
    "has wrong bytes": lambda content, at: whole(bytes(len(content))),
}


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(sorted(EVILS)), st.integers(1, 400_000)), max_size=6))
def test_whatever_servers_do_the_file_is_the_right_one_or_none_and_a_later_try_succeeds(
    content: bytes, entry: Any, evils: list[tuple[str, int]]
) -> None:
    with serving() as site, tempfile.TemporaryDirectory() as folder:
        client, final = Client(Path(folder)), Path(folder, "alder.safetensors")
        client.patience = Patience(silence_s=5, waits_s=(0.0, 0.0))
        answers = [EVILS[name](content, at) for name, at in evils]
        addresses = [site.put("/first", *answers, status(404)), site.put("/second", *answers, status(404))]
        try:
            client.get(entry(), *addresses)
        except ModelError:
            assert not final.exists()

        assert client.get(entry(), site.put("/good", whole(content))) == content
        assert client.files == ["alder.safetensors"]
