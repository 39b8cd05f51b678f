"""A package index on this machine, which can stall, refuse, and serve as a proxy."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class Index(ThreadingHTTPServer):
    """Serves the wheels of a folder as PATH/NAME/, whatever PATH is; asked as a proxy, for every host."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.asked: list[str] = []
        """Paths, in their order; of a request to the proxy, the whole address."""
        self.stalled = ""
        """Part of a file's name that is not served to its end until `go_on`."""
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.password = ""
        """user:password that the proxy wants."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def count(self, part: str) -> int:
        """Gives how often something was asked for whose address holds a text."""
        return sum(part in address for address in self.asked)


class _Handler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if not self._is_known():
            self.send_error(407)
            return
        path = urlsplit(self.path).path
        if path.endswith((".whl", ".tar.gz")):
            self._send_wheel(self.server.folder / path.rpartition("/")[2])
        else:
            self._send_links(path.rstrip("/").rpartition("/")[2].replace("-", "_"))

    def do_CONNECT(self) -> None:
        self.server.asked.append(self.path)
        self.send_error(502 if self._is_known() else 407)

    def _is_known(self) -> bool:
        wanted = "Basic " + base64.b64encode(self.server.password.encode()).decode()
        return not self.server.password or self.headers.get("Proxy-Authorization") == wanted

    def _send_links(self, name: str) -> None:
        found = sorted(path.name for path in self.server.folder.glob(f"{name}-*.whl"))
        if not found:
            self.send_error(404)
            return
        page = "".join(f'<a href="{name}">{name}</a>' for name in found).encode()
        self._begin("text/html", len(page))
        self.wfile.write(page)

    def _send_wheel(self, path: Path) -> None:
        data = path.read_bytes()
        self._begin("application/zip", len(data))
        half = len(data) // 2
        self.wfile.write(data[:half])
        self.wfile.flush()
        if self.server.stalled and self.server.stalled in path.name:
            self.server.reached.set()
            self.server.go_on.wait(60)
        self.wfile.write(data[half:])

    def _begin(self, kind: str, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Keeps quiet."""

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


@contextmanager
def serving(folder: Path) -> Iterator[Index]:
    """Runs an index over a folder of wheels."""
    index = Index(folder)
    threading.Thread(target=index.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield index
    finally:
        index.go_on.set()
        index.shutdown()
        index.server_close()
