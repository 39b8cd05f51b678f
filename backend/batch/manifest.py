"""What a folder of results holds and of what it was made, so that a second run knows what is finished."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import rasterio

from ..errors import OutputError
from ..installed import find_model
from ..outputs import Outputs
from ..products import split_day
from ..protocol import Done, RemoveClouds, partial_folder
from ..raster import RASTER_ERRORS
from ..version import VERSION
from .acquisition import OUR_TAG
from .digests import Digest, Digests, sha256, stamp
from .job_file import MASK_WORDS
from .scenes import Said

NAME = "unclouded-batch.json"
FORMAT = 1
ABOUT = "Kept by `unclouded batch`: without this file, its results here are files of somebody else to it."
UNSAID = ("id", "output", "model", "device", "overwrite", "cluster")
"""Fields of a job that do not change its result, or that are compared by their content."""


@dataclass
class Entry:
    """One result."""

    parameters: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)
    """Hashes by what they are of: `optical`, `date 1`, `model` and so on."""
    files: dict[str, str] = field(default_factory=dict)
    """Hashes of what was made, by path in the folder; empty until it is finished."""
    version: str = VERSION
    cloud_fraction: float = 0.0
    quality: dict[str, float] | None = None
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class State:
    """What is to be done for one result."""

    kind: Literal["new", "finished", "redo", "taken", "fails"]
    """`taken`: a file of somebody else lies there; `fails`: its scene cannot be done, as is known beforehand."""
    reason: str = ""


class Manifest:
    """The results of a folder.

    Args:
        folder: Where they lie; it need not exist yet.

    Raises:
        OutputError: What the folder remembers cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self.entries, digests = _read(self._path)
        self._digests = Digests(digests)
        self._made = Digests({})  # of results: none are remembered, so that each run reads them
        self._inputs = set(digests)
        self._stamps: dict[str, str] = {}

    @property
    def exists(self) -> bool:
        """Whether there was a batch in this folder."""
        return self._path.exists()

    def verify(self, jobs: Sequence[RemoveClouds], said: Said) -> None:
        """Reads what `state` holds against its hash, which can take long, so that it answers at once.

        Args:
            jobs: Those that it is going to be asked about.
            said: Hears how far it is; may raise to stop it.
        """
        wanted = {path: digests for job in jobs for path, digests in self._held(job)}
        total = sum(digests.unread_bytes(path) for path, digests in wanted.items())
        read = 0

        def heard(name: str, count: int) -> None:
            nonlocal read
            read += count
            said(f"verifying {name}", min(read / max(total, 1), 1.0))

        for path, digests in wanted.items():
            with contextlib.suppress(OSError):  # `state` says which scene cannot be read
                digests.of(path, partial(heard, Path(path).name))

    def state(self, job: RemoveClouds) -> State:
        """Says what is to be done for a job; finished results are held against their hashes."""
        entry = self.entries.get(job.id)
        there = [path for path in made_by(job) if Path(path).exists()]
        known = entry.files if entry else {}
        strange = [path for path in there if not self._is_as_made(path, known)]
        if any(entry is None or _is_foreign(path) for path in strange):
            return State("taken", f"{strange[0]} exists and is not of this batch")
        if entry is None:
            return State("new")
        if not entry.files:
            half = there or any(partial_folder(path).exists() for path in made_by(job))
            return State("redo", "half-made") if half else State("new")
        return self._compared(entry, job, strange, there)

    def _compared(self, entry: Entry, job: RemoveClouds, strange: list[str], there: list[str]) -> State:
        changed = self._changes(entry, job)
        if changed:
            return State("redo", f"changed: {', '.join(dict.fromkeys(changed))}")
        missing = [path for path in made_by(job) if path not in there]
        if strange or missing:
            return State("redo", f"damaged: {strange[0]}" if strange else f"missing: {missing[0]}")
        return State("finished")

    def _changes(self, entry: Entry, job: RemoveClouds) -> list[str]:
        now = parameters(job)
        changed = [name for name in now if now[name] != entry.parameters.get(name)]
        inputs = self.inputs(job)
        changed += [name for name in sorted({*inputs, *entry.inputs}) if inputs.get(name) != entry.inputs.get(name)]
        if entry.version != VERSION:
            changed.append(f"version {entry.version}, now {VERSION}")
        return changed

    def inputs(self, job: RemoveClouds) -> dict[str, str]:
        """Gives the hashes of what a job reads; none for what is not here."""
        named = {name: path for name, path in inputs_of(job).items() if Path(path).exists()}
        self._inputs.update(named.values())
        return {name: self._digests.of(path) for name, path in named.items()}

    def begin(self, jobs: list[RemoveClouds]) -> None:
        """Notes that jobs are about to be done, so that what they leave is known for this batch's own."""
        for job in jobs:
            self.entries[job.id] = Entry(parameters(job))
            self._stamps.update({path: stamp(path) for path in inputs_of(job).values()})
        self.save()

    def finish(self, job: RemoveClouds, done: Done, seconds: float, warnings: list[str]) -> None:
        """Notes what a job has made; of inputs that changed meanwhile nobody knows what was read.

        Raises:
            OSError: What it made is not there any more.
            OutputError: It cannot be noted.
        """
        changed = {name for name, path in inputs_of(job).items() if stamp(path) != self._stamps.get(path)}
        inputs = {name: "" if name in changed else digest for name, digest in self.inputs(job).items()}
        files = {self._relative(path): sha256(Path(path)) for path in made_by(job)}
        facts = done.cloud_fraction, done.quality, round(seconds, 2), warnings
        self.entries[job.id] = Entry(parameters(job), inputs, files, VERSION, *facts)
        self.save()

    def save(self) -> None:
        """Writes what is known; the file is the old one or the new one at any time.

        Raises:
            OutputError: It cannot be written.
        """
        digests: Mapping[str, Digest] = self._digests.kept(self._inputs)
        content = {
            "about": ABOUT,
            "format": FORMAT,
            "results": {name: asdict(entry) for name, entry in sorted(self.entries.items())},
            "digests": digests,
        }
        write_text({str(self._path): json.dumps(content, indent=1, allow_nan=False) + "\n"})

    def _held(self, job: RemoveClouds) -> Iterator[tuple[str, Digests]]:
        """Yields the files of a job that `state` needs the hash of, and what gives it."""
        entry = self.entries.get(job.id)
        if entry is not None and entry.files:
            yield from ((path, self._made) for path in made_by(job) if self._relative(path) in entry.files)
            yield from ((path, self._digests) for path in inputs_of(job).values())

    def _is_as_made(self, path: str, known: Mapping[str, str]) -> bool:
        name = self._relative(path)
        return name in known and known[name] == self._made.of(path)

    def _relative(self, path: str) -> str:
        return Path(path).relative_to(self._folder).as_posix()


def write_text(files: Mapping[str, str]) -> None:
    """Writes texts; all appear under their names, or none.

    Raises:
        OutputError: They cannot be written.
    """
    with Outputs([], [], True, list(files)) as outputs:
        for path, text in files.items():
            try:
                outputs.part(path).write_text(text, encoding="utf-8", newline="", errors="backslashreplace")
            except OSError as error:
                raise OutputError(
                    f"{path} could not be written: {error.strerror}.", "See that the disk has room."
                ) from error
        outputs.commit()


def made_by(job: RemoveClouds) -> list[str]:
    """Gives the files that a job makes."""
    return [path for path in (job.output, job.mask_output, job.uncertainty_output) if path]


def inputs_of(job: RemoveClouds) -> dict[str, str]:
    """Gives the files that a job reads, the generator among them, by what they are to it."""
    named = {"optical": job.optical, "sar": job.sar, "mask": job.mask if job.mask not in MASK_WORDS else None}
    dates = {f"date {number}": split_day(spec)[0] for number, spec in enumerate(job.dates, 1)}
    model = {"model": find_model(job.model)} if job.method == "generator" else {}
    return {name: path for name, path in (named | dates | model).items() if path}


def parameters(job: RemoveClouds) -> dict[str, Any]:
    """Gives what shapes a job's result besides the content of its files; files by their names, which may tell days."""
    told = {name: value for name, value in asdict(job).items() if name not in UNSAID}
    names = {name: Path(told[name]).name if told[name] else None for name in ("optical", "sar", "mask")}
    outputs = {name: told[name] is not None for name in ("mask_output", "uncertainty_output")}
    return told | names | outputs | {"dates": [Path(date).name for date in job.dates]}


def _is_foreign(path: str) -> bool:
    """Whether a file is whole and not made by us."""
    try:
        with rasterio.open(path) as dataset:
            return OUR_TAG not in dataset.tags()
    except RASTER_ERRORS:
        return False


def _read(path: Path) -> tuple[dict[str, Entry], dict[str, Digest]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"it has format {content['format']}, this version knows {FORMAT}")
        results, digests = content["results"], content["digests"]
        _check_types(Entry, results)
        _check_types(Digest, digests)
        known: dict[str, Digest] = {
            path: {"stamp": digest["stamp"], "sha256": digest["sha256"]} for path, digest in digests.items()
        }
        return {name: Entry(**entry) for name, entry in results.items()}, known
    except FileNotFoundError:
        return {}, {}
    except OSError as error:
        raise OutputError(
            f"The folder {path.parent} cannot be used: {path.name}: {error.strerror}.", "Choose another folder."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise OutputError(
            f"What the folder remembers of its batch cannot be read: {path}: {error}.",
            "Choose another folder; or delete this file, and do everything again with --overwrite.",
        ) from error


def _check_types(kind: type, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises ValueError if fields of entries have other types than those of a class."""
    hints = get_type_hints(kind)
    for name, entry in entries.items():
        for field_name, value in entry.items():
            if not _is(value, hints[field_name]):
                raise ValueError(f"{name}: {field_name} cannot be {value!r}")


def _is(value: Any, kind: Any) -> bool:
    """Whether a value of JSON is of an annotated type."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is dict:
        return isinstance(value, dict) and all(_is(one, inside[1]) for one in value.values())
    if origin is list:
        return isinstance(value, list) and all(_is(one, inside[0]) for one in value)
    if inside:
        return any(_is(value, one) for one in inside)
    if kind is float:
        return isinstance(value, (int, float)) and math.isfinite(value)
    return kind is Any or isinstance(value, kind)
