"""The proxy and the authorities of the user are taken for both: asking the catalogue, and reading its files."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from ..conftest import Workshop
from ..library.conftest import certificate  # noqa: F401 - a fixture
from ..library.servers import proxying
from .conftest import Fetch, fetch_from, served
from .server import World

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def test_an_authority_that_the_user_adds_is_trusted_for_all(
    land: Path,
    shop: Workshop,
    certificate: Path,  # noqa: F811
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with served(land, shop.folder / "served", context) as world:
        refused = fetch_from(world, shop.path("out"), sar=False, dates=0).last
        trusted = fetch_from(world, shop.path("out"), sar=False, dates=0, certificates=str(certificate)).last

    assert "is not trusted: self-signed certificate" in refused.message
    assert "give its certificate" in refused.hint
    assert trusted.output == shop.path("out/fetch.json"), trusted


def test_everything_goes_through_the_proxy_whose_password_nobody_sees(
    fetched: Fetch, world: World, shop: Workshop, capfd: pytest.CaptureFixture[str]
) -> None:
    world.posts = False
    with proxying("ann:s3cret") as proxy:
        heard = fetched(sar=False, dates=0, proxy=f"http://ann:s3cret@{proxy.address}")
        asked = [address for _, address, _ in proxy.requests]
        wrong = fetched(sar=False, dates=0, proxy=f"http://ann:wr0ng@{proxy.address}").last

    assert heard.last.output == shop.path("out/fetch.json"), heard.last
    assert len(asked) >= len(world.requests) > 6
    assert any("/search" in address for address in asked)
    assert any("/files/" in address for address in asked)
    assert "the proxy asks for a user and a password" in wrong.message
    told = f"{heard.events} {wrong} {capfd.readouterr()} {(shop.folder / 'out/fetch.json').read_text()}"
    assert "s3cret" not in told
    assert "wr0ng" not in told
