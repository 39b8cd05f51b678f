"""QGIS's proxy and authorities reach other programs."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from qgis.core import QgsNetworkAccessManager, QgsSettings

from unclouded.plugin.network import certificate_file, network, proxy_url, remove_certificates

PASSWORD = "p@ss:/w%41 ü"  # pragma: allowlist secret
KEYS = ("proxyEnabled", "proxyType", "proxyHost", "proxyPort", "proxyUser", "proxyPassword", "noProxyUrls")


@pytest.fixture(autouse=True)
def no_proxy_left(users_data: None) -> Iterator[None]:
    yield
    for key in KEYS:
        QgsSettings().remove(f"proxy/{key}")
    QgsNetworkAccessManager.instance().setupDefaultProxyAndCache()


def set_proxy(**values: object) -> None:
    for key, value in {"proxyEnabled": True, "proxyHost": "proxy.example.org", "proxyPort": "3128", **values}.items():
        QgsSettings().setValue(f"proxy/{key}", value)
    QgsNetworkAccessManager.instance().setupDefaultProxyAndCache()


def test_without_a_proxy_there_is_none():
    assert proxy_url() == ""
    assert proxy_url("https://models.example.org/index.json") == ""


def test_user_and_password_survive_whatever_is_in_them():
    set_proxy(proxyType="HttpProxy", proxyUser="corp\\me", proxyPassword=PASSWORD)
    parts = urlsplit(proxy_url())
    assert (parts.scheme, parts.hostname, parts.port) == ("http", "proxy.example.org", 3128)
    assert unquote(parts.username or "") == "corp\\me"
    assert unquote(parts.password or "") == PASSWORD


def test_a_socks_proxy_resolves_names_itself():
    set_proxy(proxyType="Socks5Proxy")
    assert proxy_url() == "socks5h://proxy.example.org:3128"


def test_addresses_that_need_no_proxy_get_none():
    set_proxy(proxyType="HttpProxy", noProxyUrls=["http://inside.example.org"])
    assert proxy_url("http://inside.example.org/index.json") == ""
    assert proxy_url("http://models.example.org/index.json") == "http://proxy.example.org:3128"


def test_the_authorities_are_a_file_that_python_can_read():
    path = Path(network().certificates)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    assert len(context.get_ca_certs()) > 50
    assert path.read_text().count("BEGIN CERTIFICATE") == len(context.get_ca_certs())
    assert certificate_file() == str(path)
    assert [other.name for other in path.parent.iterdir()] == [path.name]
    remove_certificates()
    assert not path.exists()


def test_a_folder_that_cannot_be_written_costs_the_file_only(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    assert certificate_file() == ""
