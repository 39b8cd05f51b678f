"""Builds dist/unclouded-VERSION.zip for plugins.qgis.org from the last commit, and refuses what that site refuses."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "unclouded"
MAX_BYTES = 25 * 1024 * 1024
NEEDED = ("__init__.py", "metadata.txt", "LICENSE")
UNWANTED = re.compile(r"(^|/)(\.git|__pycache__|__MACOSX)(/|$)|\.(pyc|pyd|so|dll|exe|dylib)$")
EXECUTABLES = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""First bytes of programs for Linux, Windows and macOS."""


def build(root: Path, folder: Path) -> Path:
    """Writes the zip of the last commit into a folder and gives its path."""
    version = re.search(r'VERSION = "(.+)"', (root / "backend/version.py").read_text(encoding="utf-8"))
    path = folder / f"{NAME}-{version[1] if version else '0'}.zip"
    path.parent.mkdir(exist_ok=True)
    command = ["git", "archive", "--format=zip", f"--prefix={NAME}/", f"--output={path}", "HEAD"]
    subprocess.run(command, cwd=root, check=True)
    return path


def problems(path: Path) -> Iterator[str]:
    """Yields why plugins.qgis.org would refuse the zip."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        yield f"The zip has {size / 2**20:.1f} MB, plugins.qgis.org takes at most {MAX_BYTES // 2**20} MB."
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        yield from (f"{NAME}/{name} is missing." for name in NEEDED if f"{NAME}/{name}" not in names)
        yield from (f"{name} lies outside the folder {NAME}." for name in names if not name.startswith(f"{NAME}/"))
        yield from (f"{name} must not be in it." for name in names if UNWANTED.search(name))
        yield from (f"{name} is a program." for name in names if archive.open(name).read(4).startswith(EXECUTABLES))


def main() -> int:
    """Builds, checks, and says what is still to be done before an upload."""
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, check=True, capture_output=True, text=True)
    if changed.stdout.strip():
        print("There are changes that are not committed: they are not in the zip.")
    path = build(ROOT, ROOT / "dist")
    found = list(problems(path))
    if found:
        path.unlink()
        print("\n".join(found), file=sys.stderr)
        return 1
    print(f"{path.relative_to(ROOT)}, {path.stat().st_size / 2**20:.1f} MB")
    if "example.org" in (ROOT / "metadata.txt").read_text(encoding="utf-8"):
        print("Before an upload: tracker, repository and homepage in metadata.txt still point to example.org.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
