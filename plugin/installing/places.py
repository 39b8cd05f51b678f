"""The folders of an installation: the environment, and beside it what is needed to make it."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Callable, Optional

from ...backend.errors import BackendError
from .stamp import NAME, read_stamp

IN_USE = "Close all windows of QGIS that use the backend (an antivirus program may hold files too), then try again."


def downloads(target: Path) -> Path:
    """Gives the folder of what is downloaded; it goes when the installation has succeeded."""
    return target.with_name(target.name + "-downloads")


def pythons(target: Path) -> Path:
    """Gives the folder of uv and of the Python that it manages, where none on the machine fits."""
    return target.with_name(target.name + "-python")


def site_packages(target: Path, platform: str = sys.platform) -> Path:
    """Gives the folder of an environment's libraries."""
    if platform == "win32":
        return target / "Lib" / "site-packages"
    return next(target.glob("lib/python3*/site-packages"), target / "lib" / "site-packages")


def check_ours(target: Path) -> None:
    """Lets nobody write into, or remove, a folder that Unclouded has not made.

    Raises:
        BackendError: It is such a folder.
    """
    if not os.path.lexists(target) or read_stamp(target) is not None:
        return
    if target.is_symlink() or not target.is_dir() or any(path.name != NAME + ".part" for path in target.iterdir()):
        raise BackendError(
            f"The folder {target} was not made by Unclouded: {NAME} is not in it.",
            "Move it away, or choose the Python in it in the settings of Unclouded.",
        )


def clear(target: Path) -> None:
    """Removes an environment of ours; its stamp goes last, so that what cannot be removed stays known as ours.

    Raises:
        BackendError: A file is in use.
    """
    check_ours(target)
    if not target.is_dir():
        return
    for path in sorted(target.iterdir(), key=lambda path: path.name == NAME):
        remove_tree(path)
    remove_tree(target)


def remove_tree(path: Path) -> None:
    """Removes a file, or a folder with all that is in it; one that is not there is no error.

    Raises:
        BackendError: A file is in use.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, onerror=_write_and_retry)
        elif os.path.lexists(path):
            path.unlink()
    except OSError as error:
        raise BackendError(f"{error.filename or path} cannot be removed: {error.strerror or error}.", IN_USE) from error


def _write_and_retry(remove: Callable[[str], object], path: str, error: object) -> None:
    """Makes a file writable and removes it: on Windows, read-only ones cannot be removed."""
    if os.path.lexists(path):
        os.chmod(path, stat.S_IRWXU)
        remove(path)


def free_bytes(target: Path) -> int:
    """Gives the free bytes of the disk on which a folder lies, or will."""
    existing: Optional[Path] = next((path for path in (target, *target.parents) if path.is_dir()), None)
    return shutil.disk_usage(existing or Path.home()).free


def held_bytes(target: Path) -> int:
    """Gives the bytes of what an installation has already put into its folders; it will not need them again."""
    return sum(
        path.lstat().st_size
        for folder in (target, downloads(target))
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
