"""The page in a real browser: something is to be seen, nothing is fetched, and no screen is too narrow for it."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unclouded.backend.evaluation.reports.writing import write

from ....web_server import listening
from .example import HOSTILE, colours, report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium: its package is called chromium"),
]
WIDTHS_PX = (1280, 768, 360)
PROBE = """<!DOCTYPE html><title>Probe</title>{frames}<pre id="seen"></pre><script>
onload = () => {{
  seen.textContent = [...document.querySelectorAll("iframe")].map((frame) => {{
    const page = frame.contentDocument;
    return frame.width + ":" + page.documentElement.scrollWidth + ":" + page.scripts.length + ":" +
      [...page.images].every((image) => image.complete && image.naturalWidth > 0);
  }}).join(" ");
}};
</script>"""
"""A page that shows the report at several widths and measures it."""


@dataclass(frozen=True)
class Site:
    """A server on this machine, and what it was asked for."""

    folder: Path
    address: str
    asked: list[str]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, code: object = "-", size: object = "-") -> None:
            asked.append(self.path)

        def log_error(self, *_: object) -> None:
            """Says nothing: a browser asks for icons that are not there."""

    with listening(functools.partial(Handler, directory=str(tmp_path))) as address:
        yield Site(tmp_path, address, asked)


def browse(site: Site, page: str, *options: str) -> str:
    """Opens a page and gives what it has become."""
    profile = f"--user-data-dir={site.folder / 'profile'}"
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", profile]
    done = subprocess.run(
        [str(BROWSER), *quiet, *options, f"{site.address}/{page}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_fits_every_screen_and_fetches_nothing(site: Site) -> None:
    write(report(), str(site.folder / "report.html"), overwrite=False)
    frames = "".join(f'<iframe src="report.html" width="{width}" height="900"></iframe>' for width in WIDTHS_PX)
    (site.folder / "probe.html").write_text(PROBE.format(frames=frames))
    became = browse(site, "probe.html", "--dump-dom", "--virtual-time-budget=10000")

    seen = re.search(r'<pre id="seen">(.+)</pre>', became)
    assert seen, became[-500:]
    for measured in seen[1].split():
        width, needed, scripts, images_loaded = measured.split(":")
        assert int(needed) <= int(width)
        assert scripts == "0"
        assert images_loaded == "true"
    assert set(site.asked) <= {"/probe.html", "/report.html", "/favicon.ico"}


@pytest.mark.parametrize("width", [1280, 500])
def test_there_is_something_to_be_seen(site: Site, width: int) -> None:
    write(report(), str(site.folder / "report.html"), overwrite=False)
    picture = site.folder / "seen.png"
    browse(site, "report.html", f"--window-size={width},1600", f"--screenshot={picture}")

    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape == (1600, width, 3)
    background = pixels[0, 0]
    inked = (np.abs(pixels.astype(int) - background).max(axis=2) > 40).mean()
    assert 0.01 < inked < 0.8
    assert colours(pixels) > 100


def test_names_run_no_scripts(site: Site) -> None:
    write(report(), str(site.folder / "report.html"), overwrite=False)
    became = browse(site, "report.html", "--dump-dom")

    assert "<script" not in became
    assert HOSTILE.split(">")[0].replace("<", "&lt;") in became
