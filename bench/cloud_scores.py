"""Scores networks that find clouds on what they did not learn from, beside the rules alone; see cloud_network.py.

    python bench/cloud_scores.py [fold1.safetensors fold2.safetensors ...]

Without a file, the network that comes along. Every image with labels is judged by the first network that never saw it;
clear images by the last one, with four bands, whatever split they are of. Reads UNCLOUDED_DATA, prints JSON lines:
precision, recall and F1 of cloud, of cloud grown by 40 m as jobs grow it, and of shadow; false cloud (grown) and false
shadow in percent of the pixels. Labels that leave open whether a pixel is clear or shadow do not count for shadow.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import numpy as np
from cloud_data import NOT_CLOUD, SNOW, UNKNOWN, Labelled, read_labelled
from safetensors import safe_open

from unclouded.backend.clouds import GROW_PX, Detector
from unclouded.backend.datasets.clear import cities, landscapes, with_sar
from unclouded.backend.datasets.collection import data_root, split_of
from unclouded.backend.datasets.place import Place, read_image, read_split
from unclouded.backend.haze_detector import HazeDetector
from unclouded.backend.mask_files import CLOUD, SHADOW, THRESHOLD
from unclouded.backend.morphology import grow
from unclouded.backend.network_detector import BANDS, KEY, WEIGHTS, NetworkDetector
from unclouded.backend.sensors import Bool, Float, Level

GROW_M = 10.0 * GROW_PX
Choose = Callable[[Level, float], Detector]


@click.command()
@click.argument("weights", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--threshold", default=THRESHOLD, show_default=True)
def main(weights: tuple[Path, ...], threshold: float) -> None:
    """Prints a line for each place and detector, and the sums by kind of label."""
    files = weights or (WEIGHTS,)
    counts: dict[tuple[str, str], np.ndarray] = {}
    for image in read_labelled(data_root()):
        for name, choose in _detectors(files, threshold, image).items():
            found = _counted(image, choose)
            for place in (image.name, _kind(image)):
                counts[place, name] = counts.get((place, name), 0) + found
    for (place, name), found in counts.items():
        print(json.dumps({"place": place, "detector": name} | _scores(found)))
    for line in _false(files[-1], threshold):
        print(json.dumps(line))


def _kind(image: Labelled) -> str:
    return f"all of {image.kind}, {image.split}" if image.kind == "pair" else f"all of {image.kind}"


def _detectors(files: Sequence[Path], threshold: float, image: Labelled) -> dict[str, Choose]:
    """The rules, and the first network that did not learn from the image."""
    found: dict[str, Choose] = {"rules": lambda level, size: HazeDetector(BANDS, level, threshold, size)}
    for file in files:
        if image.name not in _learned(file):
            found["network"] = lambda level, size, file=file: NetworkDetector(BANDS, level, threshold, size, file)
            break
    return found


def _learned(file: Path) -> list[str]:
    with safe_open(str(file), "pt") as opened:
        names: list[str] = json.loads(opened.metadata()[KEY])["labelled"]
    return names


def _counted(image: Labelled, choose: Choose) -> np.ndarray:
    """(3, 3) hits, found and there: of cloud, of grown cloud and of shadow. Drawn clouds count in pixels of 10 m."""
    optical, valid, codes, size = image.optical, image.valid, image.codes, 20.0
    if image.kind == "drawn":
        folder = data_root() / image.name
        optical, size = read_image(folder / "optical.tif")[1], 10.0
        valid = optical.any(axis=0)
        label = read_image(folder / "label.tif", scale=1.0)[1][0] > 0
        codes = np.where(label, np.uint8(CLOUD), np.uint8(NOT_CLOUD))
    classes = choose(image.level, size)(optical, valid)
    known = valid & (codes != UNKNOWN)
    shadow, cloud = classes == SHADOW, classes == CLOUD
    return np.array(
        [
            _overlap(cloud, codes == CLOUD, known),
            _overlap(_grown(cloud, shadow, size), codes == CLOUD, known),
            _overlap(shadow, codes == SHADOW, known & (codes != NOT_CLOUD)),
        ]
    )


def _grown(cloud: Bool, shadow: Bool, size: float) -> Bool:
    """As survey.py grows a mask."""
    grown: Bool = grow(cloud, round(GROW_M / size)) & ~shadow
    return grown


def _overlap(found: Bool, there: Bool, known: Bool) -> tuple[int, int, int]:
    return (
        np.count_nonzero(found & there & known),
        np.count_nonzero(found & known),
        np.count_nonzero(there & known),
    )


def _scores(counts: np.ndarray) -> dict[str, dict[str, float]]:
    scores = {}
    for name, (hits, found, there) in zip(("cloud", "grown", "shadow"), counts, strict=True):
        if there:
            scores[name] = {
                "precision": round(hits / max(found, 1), 3),
                "recall": round(hits / there, 3),
                "f1": round(2 * hits / (found + there), 3),
            }
    return scores


def _false(file: Path, threshold: float) -> Iterator[dict[str, object]]:
    """Yields false cloud and shadow on clear images with four bands, by split and level; snow by itself."""
    root = data_root()
    splits = read_split(root)
    shares: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    worst: dict[tuple[str, str, str], tuple[float, str]] = {}
    for place in itertools.chain(cities(root), landscapes(root), with_sar(root)):
        group = "snow" if place.name.startswith(SNOW) else split_of(place.name, splits)
        detectors: dict[str, Detector] = {
            "rules": HazeDetector(BANDS, place.level, threshold, 10.0),
            "network": NetworkDetector(BANDS, place.level, threshold, 10.0, file),
        }
        for name, detector in detectors.items():
            key = (name, group, place.level)
            share = _false_shares(place, detector)
            shares.setdefault(key, []).append(share)
            worst[key] = max(worst.get(key, (-1.0, "")), (share[0], place.name))
    for key, values in sorted(shares.items()):
        cloud, shadow = (round(float(value), 2) for value in np.mean(values, axis=0))
        facts: dict[str, object] = dict(zip(("detector", "clear images", "level"), key, strict=True))
        most = f"{worst[key][1]}: {worst[key][0]:.1f}"
        yield facts | {"count": len(values), "cloud %": cloud, "shadow %": shadow, "most": most}


def _false_shares(place: Place, detector: Detector) -> tuple[float, float]:
    day = place.days[0]
    optical: Float = np.ascontiguousarray(day.optical[[place.bands.index(band) for band in BANDS]])
    classes = detector(optical * day.clear, day.clear)
    shadow = classes == SHADOW
    cloud = _grown(classes == CLOUD, shadow, 10.0)
    return 100 * float(cloud[day.clear].mean()), 100 * float(shadow[day.clear].mean())


if __name__ == "__main__":
    main()
