"""Reads thousands of damaged checkpoints with bounded memory: run as a script in a process of its own.

Usage: python fuzz.py FOLDER KIND SEED COUNT. Says how many were read, refused, and refused without words; anything else
ends it with a traceback, and the damaged file stays.
"""

from __future__ import annotations

import random
import resource
import sys
from collections import Counter
from pathlib import Path

from unclouded.backend.errors import ModelError
from unclouded.backend.models.importers.families import proposals
from unclouded.backend.models.importers.reading import read_checkpoint

ROOM = 1 << 30
"""Bytes that reading may take beyond what the libraries took."""
NUMBERS = [
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\x00" * 8,
    b"\xff" * 8,
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x00\x00\x01",
]


def flip(content: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice([1, 1, 2, 8, 64])):
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)


def cut(content: bytearray, dice: random.Random) -> None:
    del content[dice.randrange(len(content)) :]


def splice(content: bytearray, dice: random.Random) -> None:
    """Puts a piece of the file somewhere else, over what is there or between."""
    start, place, length = dice.randrange(len(content)), dice.randrange(len(content)), dice.randrange(1, 200)
    content[place : place + dice.choice([0, length])] = content[start : start + length]


def overwrite(content: bytearray, dice: random.Random) -> None:
    """Puts a telling number somewhere."""
    number, place = dice.choice(NUMBERS), dice.randrange(len(content))
    content[place : place + len(number)] = number


def mutated(content: bytes, dice: random.Random) -> bytes:
    """Damages a file once or a few times."""
    made = bytearray(content)
    for _ in range(dice.choice([1, 1, 1, 3])):
        if made:
            dice.choice([flip, flip, cut, splice, overwrite])(made, dice)
    return bytes(made)


def main(folder: Path, kind: str, seed: int, count: int) -> None:
    source = next(folder.glob(f"{kind}.*"))
    content, place = source.read_bytes(), folder / f"damaged-{kind}{source.suffix}"
    proposals(read_checkpoint(str(source)))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    dice, outcomes = random.Random(seed), Counter[str]()
    for _ in range(count):
        place.write_bytes(mutated(content, dice))
        try:
            proposals(read_checkpoint(str(place)))
            outcomes["read"] += 1
        except ModelError as error:
            outcomes["refused" if error.message and error.hint else "without words"] += 1
    place.unlink()
    sys.stdout.write(f"{outcomes['read']} {outcomes['refused']} {outcomes['without words']}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
