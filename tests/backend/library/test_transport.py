"""Ways to a server: proxies, passwords, certificates. None of the secrets may be said."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from unclouded.backend import protocol
from unclouded.backend.errors import InputError
from unclouded.backend.library.transport import Network, Patience
from unclouded.backend.library.trouble import Trouble
from unclouded.backend.model_jobs import DownloadModel, ListModels, Models

from ..conftest import Workshop
from .servers import Proxy, Site, proxying, redirect, serving, status, whole
from .test_index import index_of

FAST = Patience(connect_s=5, silence_s=5)
LOGIN = "ann:s3:cr@t"
IN_URL = "ann:s3%3Acr%40t"
BASIC = "Basic " + base64.b64encode(LOGIN.encode()).decode()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with proxying(LOGIN) as one:
        yield one


@pytest.fixture
def safe(certificate: Path) -> Iterator[Site]:
    """A site over https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(context) as one:
        yield one


def read(address: str, proxy: str = "", certificates: object = "") -> bytes:
    return b"".join(piece.block for piece in Network(proxy, str(certificates), FAST).stream(address))


def trouble(address: str, proxy: str = "", certificates: object = "") -> Trouble:
    with pytest.raises(Trouble) as error:
        read(address, proxy, certificates)
    return error.value


def test_a_proxy_is_used_with_its_password(proxy: Proxy, site: Site) -> None:
    site.put("/x", whole(b"content"))

    assert read(site.address + "/x", f"http://{IN_URL}@{proxy.address}") == b"content"
    assert proxy.requests == [("GET", site.address + "/x", BASIC)]
    assert "Proxy-Authorization" not in site.requests[0][1]


def test_a_proxy_passes_secure_connections_on(proxy: Proxy, safe: Site, certificate: Path) -> None:
    safe.put("/x", whole(b"content"))

    assert read(safe.address + "/x", f"{IN_URL}@{proxy.address}", certificate) == b"content"
    assert proxy.requests == [("CONNECT", safe.address.removeprefix("https://"), BASIC)]
    assert "Proxy-Authorization" not in safe.requests[0][1]


def test_the_environments_proxy_is_used_unless_it_excepts_the_host(
    proxy: Proxy, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = site.put("/x", whole(b"content"))
    monkeypatch.setenv("http_proxy", f"http://{IN_URL}@{proxy.address}")
    through = read(address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    assert through == read(address) == b"content"
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_does_not_know_the_password(
    proxy: Proxy, site: Site, safe: Site, certificate: Path, scheme: str
) -> None:
    address = (safe if scheme == "https" else site).put("/x", whole(b"content"))
    found = trouble(address, f"http://ann:wr0ng@{proxy.address}", certificate)

    assert "the proxy asks for a user and a password (HTTP 407)" in found.reason
    assert "proxy" in found.hint
    assert "wr0ng" not in found.reason + found.hint


def test_a_proxy_that_is_not_there(site: Site) -> None:
    with proxying(LOGIN) as gone:
        address = gone.address
    found = trouble(site.address + "/x", f"http://{IN_URL}@{address}")

    assert "through the proxy" in found.reason
    assert IN_URL not in found.reason + found.hint


@pytest.mark.parametrize("address", ["socks5://ann:s3cret@host:1080", "http://", "http://ann:s3cret@host:port", "://x"])
def test_an_address_that_is_none_of_a_proxy_is_refused_and_not_said(site: Site, address: str) -> None:
    with pytest.raises(InputError, match="none of an http or https proxy") as error:
        read(site.address + "/x", address)

    assert "s3cret" not in str(error.value)
    assert site.requests == []


def test_a_proxy_that_cannot_be_used_hides_nothing_that_is_here(site: Site, own: Path) -> None:
    here = Workshop.run(ListModels("1", "", "socks5h://host:1080"))
    there = Workshop.run(ListModels("1", site.address, "socks5h://host:1080"))

    assert here.logs("warning") == ""
    assert "SOCKS is not known" in there.logs("warning")
    assert [event.entries[0]["state"] for event in there.events if isinstance(event, Models)] == ["bundled"]


def test_jobs_go_through_the_proxy_and_say_nothing_of_its_password(
    proxy: Proxy, site: Site, content: bytes, own: Path
) -> None:
    site.put("/index.json", whole(index_of(content)))
    site.put("/alder.safetensors", status(503, Retry_After="0"), whole(content))
    secret = f"http://{IN_URL}@{proxy.address}"
    heard = [
        *Workshop.run(ListModels("1", site.address, secret)).events,
        *Workshop.run(DownloadModel("2", "alder", site.address, secret)).events,
        *Workshop.run(DownloadModel("3", "alder", f"{site.address}/gone", secret, overwrite=True)).events,
    ]

    assert (own / "alder.safetensors").read_bytes() == content
    assert len(proxy.requests) == 5
    assert not any(word in protocol.encode(event) for event in heard for word in ("s3", "cr@t", "ann", BASIC))


def test_a_server_may_want_a_password(site: Site) -> None:
    site.put("/x", redirect("/y"))
    site.put("/y", whole(b"content"))

    assert read(site.address.replace("//", f"//{IN_URL}@") + "/x") == b"content"
    assert [headers["Authorization"] for _, headers in site.requests] == [BASIC, BASIC]


def test_a_password_is_not_sent_on_to_another_server(site: Site) -> None:
    with serving() as other:
        site.put("/x", redirect(other.put("/y", whole(b"content"))))

        assert read(site.address.replace("//", f"//{IN_URL}@") + "/x") == b"content"
        assert "Authorization" not in other.requests[0][1]


def test_an_authority_that_nobody_knows_is_refused(safe: Site) -> None:
    found = trouble(safe.put("/x", whole(b"content")))

    assert "is not trusted: self-signed certificate" in found.reason
    assert "PEM" in found.hint
    assert safe.requests == []


def test_an_authority_that_the_user_adds_is_trusted(safe: Site, certificate: Path) -> None:
    assert read(safe.put("/x", whole(b"content")), certificates=certificate) == b"content"


@pytest.mark.parametrize("name", ["missing.pem", "junk.pem"])
def test_certificates_that_are_none(safe: Site, tmp_path: Path, name: str) -> None:
    (tmp_path / "junk.pem").write_text("junk")
    with pytest.raises(InputError, match=rf"{name} cannot be read as certificates"):
        read(safe.address + "/x", certificates=tmp_path / name)


def test_a_secure_server_may_not_send_on_to_one_that_is_not(safe: Site, site: Site, certificate: Path) -> None:
    address = safe.put("/x", redirect(site.put("/y", whole(b"content"))))

    assert "less safe" in trouble(address, certificates=certificate).reason
    assert site.requests == []


def test_a_server_may_send_on_to_a_secure_one(safe: Site, site: Site, certificate: Path) -> None:
    address = site.put("/x", redirect(safe.put("/y", whole(b"content"))))

    assert read(address, certificates=certificate) == b"content"
