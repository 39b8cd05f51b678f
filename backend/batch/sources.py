"""What a folder or a pattern holds: paths that may be images, by their names alone."""

from __future__ import annotations

import glob
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..products import BAND_FILE
from .acquisition import product_name

SUFFIXES = (".tif", ".tiff", ".jp2", ".vrt", ".img", ".zip")
"""Files of a folder that are looked at; a pattern may name others."""


@dataclass(frozen=True)
class Candidate:
    """A path that may be an image."""

    path: str
    name: str
    """Of what is made of it, without suffix: `2020/S2A_...`."""


def is_pattern(source: str) -> bool:
    """Whether a source is a pattern such as `archive/*.SAFE`."""
    return glob.has_magic(source) and not os.path.exists(source)


def candidates(source: str, avoid: Path | None, left_out: dict[str, str]) -> list[Candidate]:
    """Lists what a folder, a pattern or the path of an image names, in order of their names.

    Args:
        source: Folders are searched with their subfolders.
        avoid: A folder that is not searched: that of the results.
        left_out: Gets the folders that cannot be read, and why.

    Raises:
        UsageError: Nothing is there.
    """
    search = _Search(avoid.resolve() if avoid else None)
    if is_pattern(source):
        root = _root_of(source)
        paths = search.matching(source)
    elif search.is_plain_folder(Path(source)):
        root = Path(source)
        paths = search.inside(root)
    elif os.path.exists(source):
        root, paths = Path(source).parent, [Path(source)]
    else:
        raise UsageError(
            f"There is no {source}.", 'Give a job file (.csv), a folder of images, or a pattern in quotes: "in/*.SAFE".'
        )
    left_out.update(search.unread)
    if not paths:
        unread = "".join(f" {path} {why}." for path, why in search.unread.items())
        raise UsageError(
            f"{source} holds no images: names were expected that end in {', '.join(SUFFIXES)} or .SAFE, or folders of "
            f"band files.{unread}",
            "Give another folder, or a pattern in quotes for files of other names.",
        )
    return [Candidate(str(path), _name(path, root)) for path in sorted(paths)]


def _root_of(pattern: str) -> Path:
    """The folder above the first part that is a pattern."""
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed])


class _Search:
    def __init__(self, avoid: Path | None) -> None:
        self._avoid = avoid
        self.unread: dict[str, str] = {}
        """Folders that cannot be read, and why."""

    def matching(self, pattern: str) -> list[Path]:
        """Gives what a pattern names, without plain folders and the files of images that are folders."""
        matches = [Path(path) for path in glob.glob(pattern, recursive=True)]
        found = {
            path for path in matches if not self.is_plain_folder(path) and self._avoid not in path.resolve().parents
        }
        return [path for path in found if not found.intersection(path.parents)]

    def inside(self, folder: Path) -> list[Path]:
        """Gives what may be images in a folder and below."""
        found: list[Path] = []
        for path in self._entries(folder):
            if path.name.startswith(".") or path.resolve() == self._avoid:
                continue
            if self.is_plain_folder(path):
                found += [] if path.is_symlink() else self.inside(path)
            elif os.path.isdir(path) or (path.suffix.lower() in SUFFIXES and not _is_other_zip(path)):
                found.append(path)
        return found

    def is_plain_folder(self, path: Path) -> bool:
        """Whether a path is a folder that is no image itself: neither a .SAFE nor one that holds band files only."""
        if not os.path.isdir(path) or path.suffix.lower() == ".safe":
            return False
        rasters = [file.name for file in self._entries(path) if file.suffix.lower() in SUFFIXES]
        return not rasters or not all(BAND_FILE.search(name) for name in rasters)

    def _entries(self, folder: Path) -> list[Path]:
        try:
            return sorted(folder.iterdir())
        except OSError as error:
            self.unread[str(folder)] = f"cannot be read: {error.strerror}"
            return []


def _is_other_zip(path: Path) -> bool:
    """Whether a file is a whole zip without images; a damaged one is looked at later and says what is wrong."""
    if path.suffix.lower() != ".zip" or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return not any(BAND_FILE.search(name) for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def _name(path: Path, root: Path) -> str:
    folder = path.absolute().parent.relative_to(root.absolute())
    return str((folder / product_name(str(path))).as_posix())
