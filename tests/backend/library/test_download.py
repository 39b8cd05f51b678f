"""Downloads from servers that behave badly: the whole right file under its name, or none and a sentence."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.backend import protocol
from unclouded.backend.errors import Cancelled, ModelError, OutputError, UncloudedError
from unclouded.backend.library.download import LOCK, download, unfinished
from unclouded.backend.library.entry import Entry
from unclouded.backend.library.transport import Network, Patience
from unclouded.backend.reporting import Reporter

from ..disks import disk
from ..generators import write_fusion
from .servers import Handler, Site, redirect, serving, stall, status, until, whole

FAST = Patience(connect_s=5, silence_s=0.3, waits_s=(0.01, 0.01, 0.01))
PATH = "/alder.safetensors"
HALF = 200_000


@dataclass
class Client:
    """Downloads into a folder and hears what is said."""

    folder: Path
    events: list[Any] = field(default_factory=list)
    patience: Patience = FAST

    def get(self, entry: Entry, *addresses: str, cancelled: Callable[[], bool] = lambda: False, **ways: str) -> bytes:
        report = Reporter("1", self.events.append, cancelled)
        return download(
            entry, list(addresses), self.folder, Network(**ways, patience=self.patience), report
        ).read_bytes()

    def refused(self, entry: Entry, *addresses: str, **ways: str) -> str:
        """The words of a download that fails; nothing may lie under the final name then."""
        with pytest.raises(UncloudedError) as error:
            self.get(entry, *addresses, **ways)
        assert error.value.hint
        assert "alder.safetensors" not in self.files
        return str(error.value)

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.name != LOCK)

    def said(self, level: str) -> str:
        return "\n".join(one.text for one in self.events if isinstance(one, protocol.Log) and one.level == level)


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path / "own")


def test_a_file_arrives_whole_and_alone(client: Client, site: Site, content: bytes, entry: Any) -> None:
    assert client.get(entry(), site.put(PATH, whole(content))) == content
    assert client.files == ["alder.safetensors"]


def test_its_progress_and_its_speed_are_told(client: Client, site: Site, content: bytes, entry: Any) -> None:
    client.get(entry(), site.put(PATH, whole(content)))
    told = [one for one in client.events if isinstance(one, protocol.Progress)]

    assert [one.fraction for one in told] == sorted(one.fraction for one in told)
    assert told[-1].fraction == 1
    assert re.search(r"alder: 0\.4 of 0\.4 MB, [\d.]+ MB/s", told[-1].stage)


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


@pytest.mark.parametrize(
    ("code", "words"), [(404, "no such file"), (403, "not allow"), (401, "password"), (418, "418")]
)
def test_a_mirror_helps_where_a_server_has_none(
    client: Client, site: Site, content: bytes, entry: Any, code: int, words: str
) -> None:
    bad, good = site.put("/bad", status(code)), site.put("/good", whole(content))

    assert client.get(entry(), bad, good) == content
    assert re.search(rf"127\.0\.0\.1.*/bad .*{words}", client.said("warning"))
    assert len(site.ranges("/bad")) == 1


def test_a_mirror_goes_on_where_the_first_stopped(client: Client, site: Site, content: bytes, entry: Any) -> None:
    bad, good = site.put("/bad", until(content, HALF), status(404)), site.put("/good", whole(content))

    assert client.get(entry(), bad, good) == content
    assert site.ranges("/good")[0].startswith("bytes=")


def test_wrong_bytes_are_refused_and_thrown_away(client: Client, site: Site, content: bytes, entry: Any) -> None:
    wrong = content[:-1] + bytes([content[-1] ^ 1])
    said = client.refused(entry(), site.put(PATH, whole(wrong)))

    assert "another file than the index says" in said
    assert client.files == []


def test_wrong_bytes_of_one_mirror_do_not_spoil_the_next(
    client: Client, site: Site, content: bytes, entry: Any
) -> None:
    wrong = site.put("/wrong", until(bytes(len(content)), HALF), status(404))
    right = site.put("/right", whole(content))

    assert client.get(entry(), wrong, right) == content
    assert [bool(asked) for asked in site.ranges("/right")] == [True, False]


def test_another_length_than_the_index_says_is_refused(client: Client, site: Site, content: bytes, entry: Any) -> None:
    said = client.refused(entry(), site.put(PATH, whole(content[:-5])))

    assert f"has a file of {len(content) - 5} bytes; the index says {len(content)}" in said


def test_a_server_that_never_stops_is_stopped(client: Client, site: Site, content: bytes, entry: Any) -> None:
    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not handler.site.closing.is_set():
            handler.wfile.write(content)

    said = client.refused(entry(), site.put(PATH, endless))

    assert "sends more than the index says" in said
    assert client.files == []


def test_a_length_that_is_not_kept_is_not_believed(client: Client, site: Site, content: bytes, entry: Any) -> None:
    def short(handler: Handler) -> None:
        handler.reply(200, content[:HALF], Content_Length=str(len(content)))

    said = client.refused(entry(), site.put(PATH, short))

    assert "broke the connection off" in said


def test_a_web_page_is_no_model(client: Client, site: Site, entry: Any) -> None:
    said = client.refused(
        entry(), site.put(PATH, whole(b"<html>Log in</html>", Content_Type="text/html; charset=utf8"))
    )

    assert "web page instead of a model" in said
    assert "login" in said


def test_a_packed_answer_is_refused(client: Client, site: Site, content: bytes, entry: Any) -> None:
    assert "packed" in client.refused(entry(), site.put(PATH, whole(content, Content_Encoding="gzip")))


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_server_may_send_on(client: Client, site: Site, content: bytes, entry: Any, code: int) -> None:
    site.put("/new", whole(content))

    assert client.get(entry(), site.put(PATH, redirect("/new", code))) == content


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/x", "//[::1"])
def test_a_server_may_not_send_to_what_is_no_web_server(client: Client, site: Site, entry: Any, target: str) -> None:
    assert re.search("less safe|no address", client.refused(entry(), site.put(PATH, redirect(target))))


def test_a_server_may_not_send_round_in_circles(client: Client, site: Site, entry: Any) -> None:
    assert "more than 5 times" in client.refused(entry(), site.put(PATH, redirect(PATH)))


def test_a_server_that_is_not_there(client: Client, site: Site, content: bytes, entry: Any) -> None:
    with serving() as gone:
        address = gone.address
    said = client.refused(entry(), f"{address}/x", "http://unclouded.invalid/x")

    assert "cannot be reached" in said
    assert "unclouded.invalid/x is not known" in said


@pytest.mark.parametrize("facts", [{"sha256": ""}, {"size_bytes": 0}, {"min_unclouded": "99"}, {"file": ""}])
def test_an_index_that_says_too_little_is_not_followed(
    client: Client, site: Site, content: bytes, entry: Any, facts: dict[str, Any]
) -> None:
    address = site.put(PATH, whole(content))
    with pytest.raises(ModelError, match="cannot be downloaded"):
        client.get(entry(**facts), address)

    assert site.requests == []
    assert not client.folder.exists()


def test_a_file_that_is_no_generator_is_refused(client: Client, site: Site, entry: Any) -> None:
    junk = b"\x80\x04\x95" + bytes(5000)
    said = client.refused(entry(junk), site.put(PATH, whole(junk)))

    assert "no generator of Unclouded" in said
    assert client.files == []


def test_a_generator_of_another_name_is_refused(client: Client, site: Site, entry: Any, tmp_path: Path) -> None:
    other = Path(write_fusion(tmp_path, "birch")).read_bytes()
    said = client.refused(entry(other), site.put(PATH, whole(other)))

    assert "names for alder 1 is birch 1" in said
    assert client.files == []


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


def test_two_downloads_at_once_do_not_disturb_each_other(
    client: Client, site: Site, content: bytes, entry: Any
) -> None:
    client.folder.mkdir()
    with FileLock(client.folder / LOCK):
        assert "under way" in client.refused(entry(), site.put(PATH, whole(content)))
    assert client.get(entry(), site.address + PATH) == content


def test_a_failed_download_leaves_the_generator_that_was_there(
    client: Client, site: Site, content: bytes, entry: Any
) -> None:
    client.folder.mkdir()
    (client.folder / "alder.safetensors").write_bytes(b"the old one")
    with pytest.raises(ModelError):
        client.get(entry(), site.put(PATH, whole(bytes(len(content)))))

    assert (client.folder / "alder.safetensors").read_bytes() == b"the old one"
    assert client.get(entry(), site.put(PATH, whole(content))) == content


def test_a_folder_serves_as_well_as_a_server(client: Client, content: bytes, entry: Any, tmp_path: Path) -> None:
    (tmp_path / "share.safetensors").write_bytes(content)
    said = client.refused(entry(), str(tmp_path / "gone"), str(tmp_path))

    assert re.search("gone cannot be read: No such file.*cannot be read: Is a directory", said)
    assert client.get(entry(), str(tmp_path / "share.safetensors")) == content


def test_a_disk_without_room_is_named_before_the_download(
    site: Site, content: bytes, entry: Any, tmp_path: Path
) -> None:
    with disk(tmp_path / "disk", "100k") as folder:
        said = Client(folder).refused(entry(), site.put(PATH, whole(content)))

    assert re.search(r"has 0\.1 MB free; 0\.4 MB are needed", said)
    assert site.requests == []


def test_a_disk_that_fills_up_keeps_what_came(site: Site, content: bytes, entry: Any, tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "600k") as folder:

        def fill(handler: Handler) -> None:
            (folder / "other").write_bytes(bytes(shutil.disk_usage(folder).free - 8192))
            handler.wfile.write(content[HALF:])

        client = Client(folder)
        said = client.refused(entry(), site.put(PATH, until(content, HALF, fill)))
        (folder / "other").unlink()

        assert "No space left" in said
        assert client.get(entry(), site.put(PATH, whole(content))) == content
        assert site.ranges(PATH)[-1].startswith("bytes=")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, site: Site, content: bytes, entry: Any) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        Client(tmp_path / "file" / "own").get(entry(), site.put(PATH, whole(content)))


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
