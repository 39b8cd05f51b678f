"""Downloads from servers that behave badly: the whole right file under its name, or none and a sentence."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from unclouded.backend import protocol
from unclouded.backend.errors import ModelError, OutputError
from unclouded.backend.library.download import LOCK

from ..disks import disk
from ..generators import write_fusion
from .client import HALF, PATH, Client
from .servers import Handler, Site, redirect, serving, status, until, whole


def test_a_file_arrives_whole_and_alone(client: Client, site: Site, content: bytes, entry: Any) -> None:
    assert client.get(entry(), site.put(PATH, whole(content))) == content
    assert client.files == ["alder.safetensors"]


def test_its_progress_and_its_speed_are_told(client: Client, site: Site, content: bytes, entry: Any) -> None:
    client.get(entry(), site.put(PATH, whole(content)))
    told = [one for one in client.events if isinstance(one, protocol.Progress)]

    assert [one.fraction for one in told] == sorted(one.fraction for one in told)
    assert told[-1].fraction == 1
    assert re.search(r"alder: 0\.4 of 0\.4 MB, [\d.]+ MB/s", told[-1].stage)


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
