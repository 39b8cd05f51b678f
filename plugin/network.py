"""How this user reaches the network: QGIS's proxy and the authorities that it trusts, for other programs."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import List

from qgis.core import Qgis, QgsApplication, QgsMessageLog, QgsNetworkAccessManager
from qgis.PyQt.QtCore import QCryptographicHash, QUrl
from qgis.PyQt.QtNetwork import QNetworkProxy, QNetworkProxyQuery, QSslCertificate, QSslConfiguration

from ..backend.userdata import user_data
from .installing.install import Network
from .wording import tr

NAME = "certificates.pem"
SCHEMES = {
    QNetworkProxy.ProxyType.HttpProxy: "http",
    QNetworkProxy.ProxyType.HttpCachingProxy: "http",
    QNetworkProxy.ProxyType.Socks5Proxy: "socks5h",
}
LISTS = ("certifi", "pip._vendor.certifi")
"""Modules that bring the usual authorities along: Windows fetches its own only when one of its programs needs them."""


def network(address: str = "") -> Network:
    """Gives QGIS's proxy and a file of the authorities that it trusts. Call it in the main thread.

    Args:
        address: What will be asked for; QGIS may know addresses that need no proxy.
    """
    return Network(proxy_url(address), certificate_file())


def proxy_url(address: str = "") -> str:
    """Gives `http://user:password@host:port` of QGIS's proxy; empty if it has none, or none for an address.

    The password comes from QGIS's settings or its store of secrets: neither log it nor put it into a command line.
    """
    manager = QgsNetworkAccessManager.instance()
    proxies = [manager.fallbackProxy()]
    if address:
        proxies = manager.proxyFactory().queryProxy(QNetworkProxyQuery(QUrl(address)))
    for proxy in proxies:
        scheme = SCHEMES.get(proxy.type())
        if scheme and proxy.hostName():
            return _url(scheme, proxy)
    return ""


def certificate_file() -> str:
    """Writes the authorities that QGIS and the system trust into a PEM file of the user, and gives its path.

    Returns:
        Empty if the file cannot be written or QGIS knows no authority: the program then takes its own.
    """
    path = user_data() / NAME
    pem = _authorities()
    if not pem:
        return ""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(pem)
        os.replace(partial, path)
    except OSError as error:
        words = tr("The authorities that QGIS trusts could not be written to {}: {}").format(path, error)
        QgsMessageLog.logMessage(words, "Unclouded", Qgis.MessageLevel.Warning)
        return ""
    return str(path)


def remove_certificates() -> None:
    """Removes what certificate_file has written."""
    (user_data() / NAME).unlink(missing_ok=True)


def _url(scheme: str, proxy: QNetworkProxy) -> str:
    url = QUrl()
    url.setScheme(scheme)
    url.setHost(proxy.hostName())
    if proxy.port():
        url.setPort(proxy.port())
    if proxy.user():
        url.setUserName(proxy.user(), QUrl.ParsingMode.DecodedMode)
        url.setPassword(proxy.password(), QUrl.ParsingMode.DecodedMode)
    return bytes(url.toEncoded()).decode()


def _authorities() -> bytes:
    """Gives the system's authorities, the user's own and the usual ones, but for those that the user distrusts."""
    manager = QgsApplication.authManager()
    trusted, distrusted = list(QSslConfiguration.systemCaCertificates()), set()
    if not manager.isDisabled():
        trusted += manager.trustedCaCerts()
        distrusted = {_digest(certificate) for certificate in manager.untrustedCaCerts()}
    found = {_digest(certificate): certificate for certificate in (*trusted, *_usual())}
    return b"".join(bytes(certificate.toPem()) for digest, certificate in found.items() if digest not in distrusted)


def _digest(certificate: QSslCertificate) -> bytes:
    return bytes(certificate.digest(QCryptographicHash.Algorithm.Sha256))


def _usual() -> List[QSslCertificate]:
    for name in LISTS:
        try:
            path = Path(importlib.import_module(name).where())
        except ImportError:
            continue
        return list(QSslCertificate.fromPath(str(path)))
    return []
