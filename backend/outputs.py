"""Files that appear under their name only when they are whole.

Everything is written into `.NAME.part/` beside the output `NAME`, flushed to the disk, then renamed. A job that fails
or is cancelled removes the folder; one that is killed leaves it, and the next job of that name empties it. A lock in it
keeps two jobs off the same output; the system opens that of a process that dies.

A mosaic `NAME.vrt` comes with its blocks in the folder `NAME`: they are made, named and replaced together.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from .errors import OutputError
from .protocol import partial_folder

SIDECARS = (".aux.xml", ".ovr", ".msk")
"""What GDAL and QGIS keep beside a raster; stale beside a new one."""

LOCK = "lock"
MOSAIC, PREVIOUS, PREVIOUS_BLOCKS = "mosaic", "previous", "previous_blocks"
BLOCK_NAME = re.compile(r"row\d{6}_column\d{6}\.tif(\.aux\.xml|\.ovr|\.msk)?")


def is_mosaic(path: str) -> bool:
    """Whether an output is a VRT with its blocks, by its name."""
    return Path(path).suffix.lower() == ".vrt"


def blocks_folder(mosaic: Path) -> Path:
    """Gives the folder in which the blocks of a mosaic lie."""
    return mosaic.with_suffix("")


def block_name(row: int, column: int) -> str:
    """Gives the name of a block by its first pixel in the mosaic."""
    return f"row{row:06}_column{column:06}.tif"


class Outputs:
    """The files that one job makes: all of them appear, or none.

    Args:
        rasters: Final names of GeoTIFFs, or of mosaics if these are allowed.
        inputs: Files that must not be overwritten.
        overwrite: Whether existing files may be replaced.
        others: Final names of other files. The first of these, else of the rasters, is the job's main output and
            appears last.
        may_be_mosaics: Whether a name of a raster that ends in .vrt stands for a mosaic.

    Names are checked at once, and again when other runs are kept off them.

    Raises:
        OutputError: A name is taken, is that of an input, or cannot be written.
    """

    def __init__(
        self,
        rasters: list[str],
        inputs: list[str],
        overwrite: bool,
        others: Sequence[str] = (),
        may_be_mosaics: bool = False,
    ) -> None:
        self._paths = [*others, *rasters]
        self._mosaics = [path for path in rasters if may_be_mosaics and is_mosaic(path)]
        self._tiffs = set(rasters).difference(self._mosaics)
        self._inputs = inputs
        self._overwrite = overwrite
        self._locks: dict[Path, FileLock] = {}
        self._named_blocks: list[str] = []
        self._look()

    def _look(self) -> None:
        """Checks the names and notes which of them are taken."""
        _check_distinct(self._paths, self._mosaics)
        for path in self._paths:
            _check(path, self._inputs, self._overwrite, path in self._tiffs)
        for path in self._mosaics:
            _check_blocks(path, self._inputs, self._overwrite)
        self._taken = {path for path in self._paths if Path(path).exists()}
        self._taken_blocks = {path for path in self._mosaics if blocks_folder(Path(path)).exists()}

    def __enter__(self) -> Outputs:
        try:
            for path in self._paths:
                folder = partial_folder(path)
                self._locks[folder] = _claimed(folder, path)
                _empty(folder)
            self._look()
        except OSError as error:
            self._remove()
            raise OutputError(
                f"The folder {Path(path).parent} cannot be written: {error.strerror}.", "Choose another folder."
            ) from error
        except OutputError:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def part(self, path: str) -> Path:
        """Gives the name under which an output is made."""
        folder = partial_folder(path)
        return (folder / MOSAIC if path in self._mosaics else folder) / Path(path).name

    def scratch(self, name: str) -> Path:
        """Gives a name for a temporary file of this job."""
        return partial_folder(self._paths[0]) / name

    def check_room(self, disk_bytes: int) -> None:
        """Raises OutputError if the disk has less room than this."""
        folder = Path(self._paths[0]).parent
        free = shutil.disk_usage(folder).free
        if free < disk_bytes:
            raise OutputError(
                f"The disk of {folder} has {free / 1e6:.0f} MB free; up to {disk_bytes / 1e6:.0f} MB are needed.",
                "Free some room or choose another disk.",
            )

    def commit(self) -> None:
        """Flushes the files and gives them their names, the main output last.

        Raises:
            OutputError: The disk is full, a file is in use, or another program has made one of the name.
        """
        for path in self._paths:
            _check_free(path, self._overwrite)
        named: list[str] = []
        try:
            for part in self._parts():
                with part.open("rb+") as file:
                    os.fsync(file.fileno())
            for path in reversed(self._paths):
                if path in self._mosaics:
                    self._name_blocks(path)
                with contextlib.suppress(OSError):  # nothing to keep, or a file system that cannot
                    os.link(path, self._previous(path))
                os.replace(self.part(path), path)
                named.append(path)
            for path in self._paths:
                for sidecar in SIDECARS:
                    Path(path + sidecar).unlink(missing_ok=True)
        except OSError as error:
            self._undo(named)
            self._undo_blocks()
            raise OutputError(
                f"{error.filename or self._paths[0]} could not be finished: {error.strerror}.",
                "See that the disk has room and that no program holds the file.",
            ) from error

    def _parts(self) -> Iterator[Path]:
        """Yields all files that were made."""
        for path in self._paths:
            if path in self._mosaics:
                yield from blocks_folder(self.part(path)).iterdir()
            yield self.part(path)

    def _name_blocks(self, path: str) -> None:
        """Gives the blocks of a mosaic their folder; the mosaic that was there goes first, and as a whole."""
        folder = blocks_folder(Path(path))
        if Path(path).is_file():
            os.replace(path, self._previous(path))
        if path in self._taken_blocks and _holds_blocks(folder):
            os.replace(folder, partial_folder(path) / PREVIOUS_BLOCKS)
        os.replace(blocks_folder(self.part(path)), folder)
        self._named_blocks.append(path)

    def _undo_blocks(self) -> None:
        """Puts the mosaics back that were there."""
        for path in self._mosaics:
            folder = blocks_folder(Path(path))
            with contextlib.suppress(OSError):
                if path in self._named_blocks:
                    os.replace(folder, blocks_folder(self.part(path)))
            with contextlib.suppress(FileNotFoundError):
                os.replace(partial_folder(path) / PREVIOUS_BLOCKS, folder)
            with contextlib.suppress(FileNotFoundError):
                os.replace(self._previous(path), path)

    def _previous(self, path: str) -> Path:
        """Where a file that is overwritten is kept until all have their names."""
        return partial_folder(path) / PREVIOUS

    def _undo(self, named: list[str]) -> None:
        for path in named:
            with contextlib.suppress(OSError):
                if self._previous(path).exists():
                    os.replace(self._previous(path), path)
                elif path not in self._taken:
                    Path(path).unlink()

    def _remove(self) -> None:
        for folder, lock in self._locks.items():
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()
            if os.name == "nt":  # which keeps a file that is open
                shutil.rmtree(folder, ignore_errors=True)
        self._locks.clear()


def hold(file: Path) -> FileLock:
    """Takes a lock whose owners remove it, and makes its folder.

    Raises:
        Timeout: Somebody holds it.
        OSError: It cannot be made.
    """
    while True:
        file.parent.mkdir(exist_ok=True)
        lock = FileLock(file, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except FileNotFoundError:  # its owner has just removed it
            continue
        if file.exists():
            return lock
        lock.release()


def _claimed(folder: Path, path: str) -> FileLock:
    """Makes the folder and keeps other jobs out of it.

    Raises:
        OutputError: Another job is at work there.
        OSError: It cannot be made.
    """
    try:
        return hold(folder / LOCK)
    except Timeout as error:
        raise OutputError(f"Another run is writing {path}.", "Wait for its end, or choose another name.") from error


def _empty(folder: Path) -> None:
    """Removes what a killed job has left."""
    for left in folder.iterdir():
        if left.name != LOCK:
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def _check_distinct(paths: list[str], mosaics: list[str]) -> None:
    """Raises OutputError if two outputs are one, or one lies among the blocks of another."""
    folders = {os.path.realpath(blocks_folder(Path(path))) for path in mosaics}
    places = [os.path.realpath(path) for path in paths]
    if len({*places, *folders}) < len(places) + len(mosaics) or any(
        os.path.dirname(place) in folders for place in places
    ):
        raise OutputError(f"Two outputs have the same name: {', '.join(paths)}.", "Give each its own name.")


def _check_blocks(path: str, inputs: list[str], overwrite: bool) -> None:
    folder = blocks_folder(Path(path))
    if not os.path.lexists(folder):
        return
    if any(folder.resolve() in (place, *place.parents) for place in (Path(source).resolve() for source in inputs)):
        raise OutputError(
            f"{folder} would get the blocks of {path}, but is or holds an input.",
            "Inputs are never written: choose another name.",
        )
    if not _holds_blocks(folder):
        raise OutputError(
            f"{folder} would get the blocks of {path}, but other things are there.",
            "Choose another name for the output.",
        )
    if not overwrite:
        raise OutputError(f"{folder} exists.", "Choose another name, or allow overwriting (--overwrite).")


def _holds_blocks(folder: Path) -> bool:
    """Whether a folder holds blocks of a mosaic and nothing else."""
    return folder.is_dir() and all(BLOCK_NAME.fullmatch(file.name) for file in folder.iterdir())


def _check(path: str, inputs: list[str], overwrite: bool, is_raster: bool) -> None:
    place = Path(path)
    if any(_belongs_to(place, Path(source)) for source in inputs):
        raise OutputError(f"The output {path} is also an input.", "Inputs are never written: choose another name.")
    if not place.parent.is_dir():
        raise OutputError(f"The folder {place.parent} does not exist.", "Make it, or choose another.")
    if not os.access(place.parent, os.W_OK):
        raise OutputError(f"The folder {place.parent} cannot be written.", "Choose another folder.")
    if is_raster and place.suffix.lower() not in (".tif", ".tiff"):
        raise OutputError(f"The output {path} is no GeoTIFF by its name.", "Let the name end in .tif.")
    if place.is_dir():
        raise OutputError(f"The output {path} is a folder.", "Give the name of a file.")
    _check_free(path, overwrite)


def _check_free(path: str, overwrite: bool) -> None:
    if Path(path).exists() and not overwrite:
        raise OutputError(f"{path} exists.", "Choose another name, or allow overwriting (--overwrite).")


def _belongs_to(output: Path, source: Path) -> bool:
    """Whether an output is an input, or one of the files of a folder that is one."""
    if not output.exists() or not source.exists():
        return False
    return output.samefile(source) or source.resolve() in output.resolve().parents
