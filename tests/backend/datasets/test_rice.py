"""RICE: what is there twice counts once, and on one side only."""

from pathlib import Path

from unclouded.backend.datasets.registry import open_source

from .fakes import clouded, ground, rice, screen, write

SPLITS = ("train", "validation", "test")


def opened(root: Path) -> dict[str, list[str]]:
    return {split: list(open_source("rice", root, split).names) for split in SPLITS}


def test_pair_that_repeats_another_is_dropped(tmp_path: Path) -> None:
    names = opened(rice(tmp_path, 48))
    pairs = [name for found in names.values() for name in found if "RICE1" in name]

    assert len(pairs) == len(set(pairs)) == 47
    assert "rice/RICE1/47" not in pairs


def test_pairs_of_one_clear_image_fall_on_one_side(tmp_path: Path) -> None:
    rice(tmp_path, 48)
    for number in range(48, 95):
        write(tmp_path / "RICE1" / "label" / f"{number}.png", screen(ground(seed=number - 48)))
        write(tmp_path / "RICE1" / "cloud" / f"{number}.png", screen(clouded(ground(seed=number))))
    names = opened(tmp_path)

    for found in names.values():
        ones = {int(name.rsplit("/", 1)[1]) for name in found if "RICE1" in name}
        assert {number + 48 for number in ones if number < 47} == {number for number in ones if number > 47}
    later = next(place for place in open_source("rice", tmp_path, "train") if int(place.name.rsplit("/", 1)[1]) > 47)
    assert later.group == f"rice/RICE1/{int(later.name.rsplit('/', 1)[1]) - 48}"


def test_mask_tells_where_the_ground_shows(tmp_path: Path) -> None:
    rice(tmp_path)
    split = next(split for split, names in opened(tmp_path).items() if "rice/RICE2/0" in names)
    place = next(place for place in open_source("rice", tmp_path, split) if place.name == "rice/RICE2/0")

    assert not place.days[1].clear[:16].any()
    assert place.days[1].clear[16:].all()
    assert place.bands == ("B4", "B3", "B2")
