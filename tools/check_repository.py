"""Checks what no other tool checks: the plugin's metadata, the one version, and the length of the files."""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = 400
REQUIRED = (
    "name",
    "description",
    "about",
    "version",
    "qgisMinimumVersion",
    "qgisMaximumVersion",
    "author",
    "email",
    "tracker",
    "repository",
    "homepage",
    "changelog",
    "tags",
    "icon",
    "category",
    "hasProcessingProvider",
)
"""What plugins.qgis.org asks for, and what this plugin needs besides."""
EXACT = {"qgisMinimumVersion": "3.22", "qgisMaximumVersion": "4.99", "hasProcessingProvider": "yes"}


def metadata_problems(root: Path) -> Iterator[str]:
    """Yields what is wrong with metadata.txt, in words."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string((root / "metadata.txt").read_text(encoding="utf-8"))
        general = dict(parser["general"])
    except (OSError, configparser.Error, KeyError) as error:
        yield f"metadata.txt cannot be read: {error}"
        return
    yield from (f"metadata.txt lacks {name}" for name in REQUIRED if not general.get(name, "").strip())
    for name, value in EXACT.items():
        if name in general and general[name] != value:
            yield f"metadata.txt: expected {name}={value}, got {general[name]}"
    version = general.get("version", "")
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        yield f"metadata.txt: expected a version such as 1.2.3, got {version!r}"
    if "plugin" in general.get("name", "").lower():
        yield "metadata.txt: the plugin repository refuses a name with `plugin` in it"
    if general.get("icon") and not (root / general["icon"]).is_file():
        yield f"metadata.txt names the icon {general['icon']}, which does not exist"
    yield from _version_problems(root, version)


def _version_problems(root: Path, version: str) -> Iterator[str]:
    stated = re.search(r'^VERSION = "(.+)"$', (root / "backend/version.py").read_text(encoding="utf-8"), re.MULTILINE)
    if stated is None or stated[1] != version:
        yield f"metadata.txt has version {version}, backend/version.py {stated[1] if stated else 'none'}"
    if f"## [{version}]" not in (root / "CHANGELOG.md").read_text(encoding="utf-8"):
        yield f"CHANGELOG.md has no section [{version}]"


def long_files(root: Path) -> Iterator[str]:
    """Yields the source files that have more lines than anyone reads at once."""
    for folder in ("backend", "plugin", "tests", "tools", "bench"):
        for path in sorted((root / folder).rglob("*.py")):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > MAX_LINES:
                yield f"{path.relative_to(root)} has {lines} lines, {MAX_LINES} is the end: give it fewer subjects"


def main() -> int:
    """Prints the problems and gives the exit code."""
    problems = [*metadata_problems(ROOT), *long_files(ROOT)]
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
