"""Web servers and proxies of tests, on ports of their own, that behave as badly as asked."""

from __future__ import annotations

import base64
import http.client
import re
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ...web_server import listening

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers as its site says."""

    site: Site

    def do_GET(self) -> None:
        self.close_connection = True
        self.site.requests.append((self.path, {name.title(): value for name, value in self.headers.items()}))
        answers = self.site.answers.get(self.path)
        if answers is None:
            status(404)(self)
            return
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self)

    def reply(self, code: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in ({"Content_Length": str(len(content))} | headers).items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        """Says nothing."""


@dataclass
class Site:
    """What a web server holds, what it was asked, and where it is."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    address: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def put(self, path: str, *answers: Answer) -> str:
        """Has a path answered by these in turn, then always by the last; gives its address."""
        self.answers[path] = list(answers)
        return self.address + path

    def ranges(self, path: str) -> list[str]:
        """The ranges that were asked of a path, in order; empty for all of it."""
        return [headers.get("Range", "") for asked, headers in self.requests if asked == path]


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A web server with nothing on it."""
    site = Site()
    with listening(type("SiteHandler", (Handler,), {"site": site}), context) as site.address:
        try:
            yield site
        finally:
            site.closing.set()


def whole(content: bytes, tag: str = "", ranges: bool = True, **headers: str) -> Answer:
    """The content, or the part of it that is asked for, if the server can and its state is the one that is meant."""

    def answer(handler: Handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", "")) if ranges else None
        if asked is None or handler.headers.get("If-Range", tag) != tag:
            handler.reply(200, content, ETag=tag, **headers)
        elif int(asked[1]) >= len(content):
            handler.reply(416, Content_Range=f"bytes */{len(content)}")
        else:
            start = int(asked[1])
            told = f"bytes {start}-{len(content) - 1}/{len(content)}"
            handler.reply(206, content[start:], ETag=tag, Content_Range=told, **headers)

    return answer


def until(content: bytes, last: int, then: Callable[[Handler], None] = lambda _: None, tag: str = "") -> Answer:
    """As `whole`, but only the bytes before `last` are sent; then the connection breaks, or what is asked happens."""

    def answer(handler: Handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        handler.send_response(206 if asked else 200)
        if asked:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if tag:
            handler.send_header("ETag", tag)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start:last])
        handler.wfile.flush()
        then(handler)

    return answer


def stall(handler: Handler) -> None:
    """Sends nothing more until the server ends."""
    handler.site.closing.wait()


def status(code: int, **headers: str) -> Answer:
    """An answer without content."""
    return lambda handler: handler.reply(code, **headers)


def redirect(target: str, code: int = 302) -> Answer:
    """Sends on to another address."""
    return status(code, Location=target)


class ProxyHandler(BaseHTTPRequestHandler):
    """Passes requests on for those who know its password; keeps what it was asked."""

    proxy: Proxy

    def _admitted(self) -> bool:
        self.close_connection = True
        self.proxy.requests.append((self.command, self.path, self.headers.get("Proxy-Authorization", "")))
        known = base64.b64encode(self.proxy.login.encode()).decode()
        if self.headers.get("Proxy-Authorization") == f"Basic {known}":
            return True
        self.send_error(407)
        return False

    def do_GET(self) -> None:
        if not self._admitted():
            return
        parts = urlsplit(self.path)
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        headers = {key: value for key, value in self.headers.items() if not key.lower().startswith("proxy-")}
        connection.request(self.command, urlunsplit(parts._replace(scheme="", netloc="")), headers=headers)
        response = connection.getresponse()
        content = response.read()
        self.send_response(response.status)
        for key, value in response.getheaders():
            if key.lower() not in ("transfer-encoding", "connection"):
                self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_CONNECT(self) -> None:
        if not self._admitted():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as other:
            self.send_response(200)
            self.end_headers()
            pair = {self.connection: other, other: self.connection}
            while True:
                ready, _, _ = select.select(list(pair), [], [], 10)
                for one in ready:
                    block = one.recv(65536)
                    if not block:
                        return
                    pair[one].sendall(block)
                if not ready:
                    return

    def log_message(self, *arguments: Any) -> None:
        """Says nothing."""


@dataclass
class Proxy:
    """A proxy that wants a user and a password."""

    login: str
    address: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)


@contextmanager
def proxying(login: str) -> Iterator[Proxy]:
    proxy = Proxy(login)
    with listening(type("OwnProxyHandler", (ProxyHandler,), {"proxy": proxy})) as address:
        proxy.address = address.removeprefix("http://")
        yield proxy
