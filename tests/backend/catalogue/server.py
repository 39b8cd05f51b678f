"""A STAC API and a file server on one port of this computer, that behave as badly as asked."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ...web_server import listening

CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
]
SLOW_S = 30.0
TOKEN = "sv=1&sig=secret%2Ftoken"


@dataclass
class World:
    """What the server offers, how it misbehaves, and what it was asked."""

    folder: Path
    """Of the files under /files/."""
    items: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""
    page: int = 100
    """Items of a page, whatever the limit that is asked for."""
    posts: bool = True
    """Whether it can be searched by POST."""
    faults: dict[str, str] = field(default_factory=dict)
    """Paths that begin so: a status, `html`, `slow`, `cut` (half of what is asked for), or `gone` (no answer)."""
    token: bool = False
    """Whether files want one."""
    requests: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def collections(self) -> list[dict[str, Any]]:
        names = sorted({item["collection"] for item in self.items})
        return [
            {
                "type": "Collection", "id": name, "stac_version": "1.0.0", "description": name, "license": "CC-BY-4.0",
                "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
                "links": [],
            }
            for name in names
        ]  # fmt: skip

    def find(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """Gives the items that a search asks for."""
        west, south, east, north = asked["bbox"]
        first, last = (text[:10] for text in asked["datetime"].split("/"))
        return [
            item
            for item in self.items
            if item["collection"] in asked["collections"]
            and first <= (item["properties"]["datetime"] or first)[:10] <= last
            and item["bbox"][0] <= east
            and item["bbox"][2] >= west
            and item["bbox"][1] <= north
            and item["bbox"][3] >= south
        ]


class Handler(BaseHTTPRequestHandler):
    world: World

    def do_GET(self) -> None:
        self._answer({})

    def do_HEAD(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: dict[str, Any]) -> None:
        self.close_connection = True
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        self.world.requests.append(f"{self.command} {self.path}")
        fault = next((fault for start, fault in self.world.faults.items() if path.startswith(start)), "")
        if fault == "slow":
            self.world.closing.wait(SLOW_S)
        elif fault == "gone":
            self.connection.close()
        elif fault == "html":
            self._reply(200, b"<html><body>Please log in</body></html>", "text/html")
        elif fault.isdigit():
            self._reply(int(fault), b"<html>no</html>", "text/html")
        elif path.startswith("/files/"):
            self._file(path.removeprefix("/files/"), query, fault)
        else:
            self._api(path, query, body)

    def _api(self, path: str, query: str, body: dict[str, Any]) -> None:
        at, world = self.world.address, self.world
        if path == "/":
            links = [{"rel": "self", "href": f"{at}/"}, {"rel": "root", "href": f"{at}/"}]
            links += [{"rel": "data", "href": f"{at}/collections"}]
            links += [{"rel": "search", "href": f"{at}/search", "type": "application/geo+json", "method": "GET"}]
            if world.posts:
                links += [{"rel": "search", "href": f"{at}/search", "type": "application/geo+json", "method": "POST"}]
            root = {"type": "Catalog", "id": "world", "stac_version": "1.0.0", "description": "A world of tests"}
            self._json({**root, "conformsTo": CONFORMS, "links": links})
        elif path == "/collections":
            self._json({"collections": world.collections(), "links": []})
        elif path.startswith("/collections/"):
            found = [one for one in world.collections() if one["id"] == path.rpartition("/")[2]]
            self._json(found[0]) if found else self._reply(404, b"{}")
        elif path == "/search":
            self._search(query, body)
        elif path.startswith("/token/"):
            self._json({"token": TOKEN, "msft:expiry": "2099-01-01T00:00:00Z"})
        else:
            self._reply(404, b"{}")

    def _search(self, query: str, body: dict[str, Any]) -> None:
        if self.command == "POST" and not self.world.posts:
            self._reply(405, b"{}")
            return
        asked = body or {key: values[0] for key, values in parse_qs(query).items()}
        if not body:
            asked["bbox"] = [float(value) for value in asked["bbox"].split(",")]
            asked["collections"] = asked["collections"].split(",")
        self.world.bodies.append(asked)
        found, start = self.world.find(asked), int(asked.get("token", 0))
        end = start + self.world.page
        links: list[dict[str, Any]] = []
        if end < len(found) and body:
            href = f"{self.world.address}/search"
            links = [{"rel": "next", "href": href, "method": "POST", "merge": True, "body": {"token": end}}]
        elif end < len(found):
            plain = re.sub(r"&token=\d+", "", query)
            links = [{"rel": "next", "href": f"{self.world.address}/search?{plain}&token={end}", "method": "GET"}]
        self._json({"type": "FeatureCollection", "features": found[start:end], "links": links})

    def _file(self, name: str, query: str, fault: str) -> None:
        path = self.world.folder / name
        if self.world.token and query != TOKEN:
            self._reply(403, b"no token")
            return
        if not path.is_file():
            self._reply(404, b"no file")
            return
        content = path.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        end = min(int(asked[2]) if asked and asked[2] else len(content) - 1, len(content) - 1)
        if start >= len(content):
            self._reply(416, b"")
            return
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
        self.send_header("Content-Length", str(end - start + 1))
        self.end_headers()
        if self.command != "HEAD":
            part = content[start : end + 1]
            self.wfile.write(part[: len(part) // 2] if fault == "cut" and start else part)

    def _json(self, content: Any) -> None:
        self._reply(200, json.dumps(content).encode(), "application/json")

    def _reply(self, code: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        """Says nothing."""


@contextmanager
def serving(world: World, context: ssl.SSLContext | None = None) -> Iterator[World]:
    """Serves a world, by https with a context; its address is known inside."""
    with listening(type("WorldHandler", (Handler,), {"world": world}), context) as world.address:
        try:
            yield world
        finally:
            world.closing.set()
