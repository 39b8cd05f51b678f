"""What a folder or a pattern holds: paths that may be images, by their names alone."""

from __future__ import annotations

import glob
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
    return glob.has_magic(source) and not Path(source).exists()


def candidates(source: str, avoid: Path | None = None) -> list[Candidate]:
    """Lists what a folder, a pattern or the path of an image names, in order of their names.

    Args:
        source: Folders are searched with their subfolders.
        avoid: A folder that is left out: that of the results.

    Raises:
        UsageError: Nothing is there.
    """
    if is_pattern(source):
        root = _root_of(source)
        paths = _matching(source, avoid.resolve() if avoid else None)
    elif Path(source).is_dir() and _is_plain_folder(Path(source)):
        root = Path(source)
        paths = list(_inside(root, avoid.resolve() if avoid else None))
    elif Path(source).exists():
        root, paths = Path(source).parent, [Path(source)]
    else:
        raise UsageError(
            f"There is no {source}.", 'Give a job file (.csv), a folder of images, or a pattern in quotes: "in/*.SAFE".'
        )
    if not paths:
        raise UsageError(
            f"{source} holds no images: names were expected that end in {', '.join(SUFFIXES)} or .SAFE, or folders of "
            "band files.",
            "Give another folder, or a pattern in quotes for files of other names.",
        )
    return [Candidate(str(path), _name(path, root)) for path in sorted(paths)]


def _root_of(pattern: str) -> Path:
    """The folder above the first part that is a pattern."""
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed])


def _matching(pattern: str, avoid: Path | None) -> list[Path]:
    """Gives what a pattern names, without plain folders and the files of images that are folders."""
    matches = [Path(path) for path in glob.glob(pattern, recursive=True)]
    found = {path for path in matches if not _is_plain_folder(path) and avoid not in path.resolve().parents}
    return [path for path in found if not found.intersection(path.parents)]


def _inside(folder: Path, avoid: Path | None) -> list[Path]:
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.resolve() == avoid:
            continue
        if path.is_dir():
            if not _is_plain_folder(path):
                found.append(path)
            elif not path.is_symlink():
                found += _inside(path, avoid)
        elif path.suffix.lower() in SUFFIXES and not _is_other_zip(path):
            found.append(path)
    return found


def _is_plain_folder(path: Path) -> bool:
    """Whether a path is a folder that is no image itself: neither a .SAFE nor one that holds band files only."""
    if not path.is_dir() or path.suffix.lower() == ".safe":
        return False
    rasters = [file.name for file in path.iterdir() if file.suffix.lower() in SUFFIXES]
    return not rasters or not all(BAND_FILE.search(name) for name in rasters)


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
