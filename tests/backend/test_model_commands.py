"""The commands of the model manager: what a team and its users do, in this process but where one is to be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from unclouded.backend.__main__ import main
from unclouded.backend.installed import DEFAULT_MODEL, MODELS
from unclouded.backend.model_commands import INDEX_VARIABLE
from unclouded.backend.models import weights
from unclouded.backend.userdata import MODELS_VARIABLE

from .generators import write_fusion
from .library.servers import Site, serving, stall, until, whole
from .patience import PATIENCE_S, line_with


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as one:
        yield one


@pytest.fixture(autouse=True)
def here(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.folder)
    monkeypatch.setenv("COLUMNS", "1000")


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def team(shop: Any) -> Path:
    """A folder of a team with the bundled generator under another name, and its index."""
    folder = shop.folder / "team"
    folder.mkdir()
    card, network = weights.load(str(MODELS / f"{DEFAULT_MODEL}.safetensors"))
    state = network.state_dict()
    from dataclasses import replace

    weights.save(str(folder / "sibling.safetensors"), replace(card, name="sibling", version="7"), state)
    assert command("models", "index", "team").exit_code == 0
    return folder


@pytest.fixture(autouse=True)
def own(shop: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(MODELS_VARIABLE, shop.path("own"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv(INDEX_VARIABLE, raising=False)
    return shop.folder / "own"


def publish(site: Site, folder: Path) -> str:
    for path in folder.iterdir():
        site.put(f"/models/{path.name}", whole(path.read_bytes()))
    return f"{site.address}/models"


def test_a_team_serves_a_generator_and_a_user_gets_and_uses_it(
    shop: Any, site: Site, team: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(INDEX_VARIABLE, publish(site, team))
    optical = shop.raster("o.tif", shop.numbers(4, 96, 96))
    mask = shop.mask("m.tif", shop.disc(96, 96, 40, 40, 15))
    cleared = ("remove", optical, "--mask", mask, "--device", "cpu")

    before = command("models", "list")
    got = command("models", "download", "sibling")
    after = command("models", "list")
    verified = command("models", "verify", "sibling")
    used = command(*cleared, "-o", "sibling.tif", "--model", "sibling")
    command(*cleared, "-o", "bundled.tif")
    removed = command("models", "remove", "sibling")

    assert "sibling 7" in before.stdout
    assert "available" in before.stdout
    assert (got.exit_code, got.stdout) == (0, ""), got.stderr
    assert f"Wrote {own / 'sibling.safetensors'}" in got.stderr
    assert "installed" in after.stdout
    assert "sibling 7 is whole" in verified.stderr
    assert used.exit_code == 0, used.stderr
    assert (shop.read("sibling.tif") == shop.read("bundled.tif")).all()
    assert removed.exit_code == 0
    assert command("models", "remove", "sibling").exit_code == 4
    assert not list(own.glob("sibling*"))


def test_a_folder_is_a_registry_too(shop: Any, team: Path, own: Path) -> None:
    assert command("models", "download", "sibling", "--index", "team").exit_code == 0
    assert (own / "sibling.safetensors").read_bytes() == (team / "sibling.safetensors").read_bytes()


def test_a_download_that_was_killed_is_gone_on_with(shop: Any, site: Site, team: Path, own: Path) -> None:
    address = publish(site, team)
    content = (team / "sibling.safetensors").read_bytes()
    path = "/models/sibling.safetensors"
    site.put(path, until(content, 3_000_000, stall), whole(content))
    started = [sys.executable, "-I", "-m", "unclouded.backend", "models", "download", "sibling", "--index", address]
    with subprocess.Popen(started, stderr=subprocess.DEVNULL) as process:
        while not any(part.stat().st_size > 2_900_000 for part in own.glob("*.part")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    left = next(own.glob("sibling.*.part")).stat().st_size

    assert not (own / "sibling.safetensors").exists()
    done = subprocess.run(started, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert site.ranges(path) == ["", f"bytes={left}-"]
    assert (own / "sibling.safetensors").read_bytes() == content
    assert not list(own.glob("*.part"))


def test_an_interrupted_download_says_what_is_kept(shop: Any, site: Site, team: Path, own: Path) -> None:
    address = publish(site, team)
    content = (team / "sibling.safetensors").read_bytes()
    site.put("/models/sibling.safetensors", until(content, 3_000_000, stall))
    started = [sys.executable, "-I", "-m", "unclouded.backend", "models", "download", "sibling", "--index", address]
    with subprocess.Popen([*started, "--json"], stdout=subprocess.PIPE, env=os.environ, text=True) as process:
        line_with("of 6.9 MB", process)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE_S)

    last = json.loads(rest.splitlines()[-1])
    assert process.returncode == 130
    assert (last["code"], last["hint"]) == ("cancelled", "What has come is kept: the next download goes on from there.")


def test_programs_get_one_object_a_line(shop: Any, team: Path) -> None:
    done = command("models", "list", "--index", "team", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]

    assert [event["type"] for event in events] == ["Models", "Done"]
    assert {entry["name"]: entry["state"] for entry in events[0]["entries"]} == {
        DEFAULT_MODEL: "bundled",
        "sibling": "available",
    }


def test_a_card_can_be_read(shop: Any, team: Path) -> None:
    people = command("models", "show", "default")
    programs = command("models", "show", "sibling", "--index", "team", "--json")
    file = command("models", "show", "team/sibling.safetensors")
    by_hand = command("models", "show", "dsen2cr-sar-carl")
    unknown = command("models", "show", "nothing")

    for words in ("fusion", "B2, B3, B4 (of 13); SAR if there; dates if there", "GPL-2.0-or-later", "psnr"):
        assert words in people.stdout
    assert json.loads(programs.stdout)["version"] == "7"
    assert "sibling" in file.stdout
    assert "https://github.com/ameraner/dsen2-cr" in by_hand.stdout
    assert (unknown.exit_code, unknown.stdout) == (4, "")
    assert "There is no generator 'nothing'" in unknown.stderr


def test_a_checkpoint_is_looked_at_and_imported(shop: Any, own: Path) -> None:
    torch = pytest.importorskip("torch")
    _, network = weights.load(write_fusion(shop.folder, "tiny"))
    torch.save(network.state_dict(), shop.path("foreign.pth"))
    seen = command("models", "import", "foreign.pth", "--inspect")
    made = command("models", "import", "foreign.pth", "--name", "mine", "--licence", "MIT")

    assert seen.exit_code == 0, seen.stderr
    assert f"{len(network.state_dict())} tensors" in seen.stdout
    assert made.exit_code == 0, made.stderr
    assert f"Wrote {own / 'mine.safetensors'}" in made.stderr
    assert "MIT" in command("models", "show", "mine").stdout


CASES: dict[str, tuple[list[str], int, str]] = {
    "no such index": (["list", "--index", "ftp://example.org"], 2, "ftp: was given"),
    "no such folder": (["index", "nowhere"], 3, "There is no folder nowhere"),
    "no such file": (["show", "nowhere.safetensors"], 4, "cannot be read"),
    "nothing to verify": (["verify", "nothing"], 4, "No generator 'nothing'"),
    "by hand": (["download", "uncrtaints"], 4, "model.pth.tar"),
    "bundled": (["remove", DEFAULT_MODEL], 4, "comes along"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(shop: Any, case: str) -> None:
    arguments, code, words = CASES[case]
    done = command("models", *arguments)

    assert done.exit_code == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
