"""The scenes of a batch and the images that may be paired with them, opened but not read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError, UncloudedError, UsageError
from ..scene import Optical
from . import job_file, sources
from .acquisition import Acquisition, NoScene, open_sar, open_scene, scene_name

Said = Callable[[str, float], None]
"""Hears what is going on and which share of it (0..1) is done."""
MAX_SHOWN = 20
"""Names that an error lists."""
Named = TypeVar("Named", "Found", sources.Candidate)


@dataclass(frozen=True)
class Found:
    """A scene of the batch."""

    path: str
    name: str
    """Of its output, without suffix."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Of protocol.RemoveClouds, those that a job file gives for it alone."""
    is_named: bool = False
    """Whether a job file names it."""
    image: Acquisition | None = None
    optical: Optical | None = None
    problem: UncloudedError | None = None
    """Why it could not be opened."""


@dataclass
class Shelf:
    """Opens images, and notes what it leaves out.

    Args:
        avoid: Folder of the results, which is not searched.
        fields: Of protocol.RemoveClouds, for all scenes.
        said: Hears how far it is with what it opens; may raise to stop it.
    """

    avoid: Path
    fields: Mapping[str, Any]
    said: Said
    left_out: dict[str, str] = field(default_factory=dict)
    """What files of folders were taken for, by path."""

    def scenes(self, given: Sequence[str], rows: Callable[[str], list[job_file.Row]]) -> list[Found]:
        """Opens the scenes that job files, folders and patterns name.

        Args:
            given: What the user named.
            rows: Reads a job file.

        Raises:
            UsageError: There are none, a job file is wrong, or two would have the same output.
        """
        wanted: list[Found] = []
        for source in given:
            if job_file.is_job_file(source):
                wanted += [Found(row.optical, row.name, row.fields, is_named=True) for row in rows(source)]
            else:
                wanted += [Found(one.path, one.name) for one in sources.candidates(source, self.avoid, self.left_out)]
        found = []
        for one in self._followed(wanted):
            scene = self._opened(one)
            if scene is not None:
                found.append(scene)
        if not found:
            what = listed([f"{path} ({why})" for path, why in self.left_out.items()])
            raise UsageError(f"No optical scene was found; left out: {what}.", "Give the images, or a list of them.")
        _check_names(found)
        return found

    def sar(self, source: str) -> list[Acquisition]:
        """Opens the SAR images of a folder or pattern."""
        return self._pool(source, open_sar)

    def dates(self, source: str) -> list[Acquisition]:
        """Opens the optical images of a folder or pattern."""
        return self._pool(source, lambda path: self._optical(path, self.fields, is_named=False)[0])

    def masks(self, source: str, scenes: Sequence[Found]) -> dict[str, str]:
        """Gives the mask of each scene by the scene's path: that of its name.

        Raises:
            UsageError: A scene has none, or several.
        """
        found: dict[tuple[str, ...], list[str]] = {}
        for one in sources.candidates(source, self.avoid, self.left_out):
            found.setdefault(scene_name(one.path), []).append(one.path)
        wrong = [scene.path for scene in scenes if len(found.get(scene_name(scene.path), [])) != 1]
        if wrong:
            raise UsageError(
                f"One mask in {source} was expected for each scene, named like it; {len(wrong)} scene(s) have none or "
                f"several: {listed(wrong)}.",
                "Name the masks like their scenes, or name them in a job file.",
            )
        return {scene.path: found[scene_name(scene.path)][0] for scene in scenes}

    def _followed(self, wanted: Sequence[Named]) -> Iterator[Named]:
        """Yields what is to be opened and says how far that is."""
        for number, one in enumerate(wanted):
            self.said(f"looking at {one.name}", number / len(wanted))
            yield one

    def _opened(self, found: Found) -> Found | None:
        fields = {**self.fields, **found.fields}
        try:
            image, optical = self._optical(found.path, fields, found.is_named)
        except NoScene as reason:
            self.left_out[found.path] = str(reason)
            return None
        except InputError as problem:
            return replace(found, problem=problem)
        return replace(found, image=image, optical=optical)

    def _optical(self, path: str, fields: Mapping[str, Any], is_named: bool) -> tuple[Acquisition, Optical]:
        return open_scene(path, fields.get("bands"), fields.get("level"), fields.get("offset"), is_named)

    def _pool(self, source: str, opened: Callable[[str], Acquisition]) -> list[Acquisition]:
        images = []
        for one in self._followed(sources.candidates(source, self.avoid, self.left_out)):
            try:
                images.append(opened(one.path))
            except (NoScene, InputError) as reason:
                self.left_out.setdefault(one.path, str(reason))
        return images


def listed(names: Sequence[str]) -> str:
    """Gives names as a list of a length that can be read."""
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(names[:MAX_SHOWN]) + more if names else "nothing"


def _check_names(scenes: Sequence[Found]) -> None:
    """Raises UsageError if two scenes would have the same output."""
    first: dict[str, Found] = {}
    clashes = []
    for scene in scenes:
        other = first.setdefault(scene.name.casefold(), scene)
        if other is not scene:
            clashes.append(f"{other.path} and {scene.path}")
    if clashes:
        raise UsageError(
            f"Each scene was expected to have an output of its own name; alike are {listed(clashes)}.",
            "Name the outputs in a job file (columns optical,output), or give a pattern that names one of them.",
        )
