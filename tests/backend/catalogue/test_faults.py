"""Whatever goes wrong between here and a catalogue ends in one sentence, and leaves no half file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import rasterio

from unclouded.backend.catalogue import access, presets
from unclouded.backend.catalogue.presets import Catalogue
from unclouded.backend.library.transport import Patience

from ..conftest import Workshop
from ..patience import PATIENCE_S
from .conftest import AREA, HASTE, HURRY, ONCE, Fetch
from .server import World
from .worlds import OPTICAL, SAR, add_asset, make_item, write_file

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def leftovers(shop: Workshop) -> list[str]:
    """What a job has left beside whole files."""
    return [name for name in shop.contents() if ".part" in name]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"bbox": None}, "usage", "Either an area and a day were expected, or an image"),
        (
            {"bbox": [10.4, 46.0, 10.3, 46.1]},
            "usage",
            "An area across the antimeridian (180 degrees) has to be fetched",
        ),
        ({"bbox": [179.9, -17, -179.9, -16]}, "usage", "An area across the antimeridian"),
        ({"bbox": [10.3, 46.1, 10.4, 46.0]}, "usage", "its south at 46.1 and its north at 46"),
        ({"bbox": [600000, 5000000, 610000, 5010000]}, "usage", "is not in degrees"),
        ({"bbox": [10, 40, 14, 44]}, "usage", "at most 250 km a side"),
        ({"bbox": [float("nan"), 46, 11, 47]}, "usage", "four numbers were expected"),
        ({"day": "1.6.2020"}, "usage", "a date like 2020-06-01 was expected"),
        ({"day": ""}, "usage", "a date like 2020-06-01 was expected"),
        ({"day": "0001-01-01"}, "usage", "a year from 1950 to 2100 was expected"),
        ({"day": "9999-12-31"}, "usage", "a year from 1950 to 2100 was expected"),
        ({"bands": ["XX"], "catalogue": "http://127.0.0.1:9/stac"}, "usage", "There is no band 'XX'"),
        ({"bands": [""]}, "usage", "There is no band ''; names of Sentinel-2's bands were expected"),
        ({"catalogue": "http://127.0.0.1:9/stac"}, "input", "http://127.0.0.1:9/stac cannot be reached."),
        ({"within_days": -1}, "usage", "no negative number"),
        ({"catalogue": "eart-search"}, "usage", "Known names: planetary-computer, earth-search."),
        ({"proxy": "socks5://proxy.example.org"}, "input", "SOCKS is not known"),
        ({"certificates": "nothing.pem"}, "input", "cannot be read as certificates"),
        ({"day": "2010-06-01"}, "input", "has nothing in sentinel-2-l2a for the area"),
        ({"bbox": [50, 10, 50.1, 10.1]}, "input", "Allow more days (--within), another day, area or catalogue."),
        ({"bands": ["B2", "B10"]}, "input", "has none for B10"),
        ({"collection": "landsat"}, "input", "has no collection landsat; it has sentinel-1-rtc, sentinel-2-l2a"),
        ({"sar_collection": "radar"}, "input", "has no collection radar"),
    ],
)
def test_what_makes_no_sense_is_said_and_leaves_nothing(
    fetched: Fetch, shop: Workshop, changes: dict[str, Any], code: str, words: str
) -> None:
    last = fetched(**changes).last
    assert last.code == code, last
    assert words in f"{last.message} {last.hint}"
    assert not (shop.folder / "out").exists()


def test_an_image_without_georeference_cannot_be_looked_for(fetched: Fetch, shop: Workshop) -> None:
    plain = shop.raster("plain_20200601.tif", Workshop.numbers(4, 20, 20), crs=None)
    last = fetched(like=plain).last
    assert (last.code, "has no georeference" in last.message) == ("input", True)


@pytest.mark.parametrize(
    ("start", "fault", "words"),
    [
        ("/", "html", "gives something else than a STAC API does"),
        ("/", "403", "does not allow it (HTTP 403)"),
        ("/search", "500", "failed (HTTP 500)"),
        ("/search", "html", "gives something else than a STAC API does"),
        ("/search", "slow", "did not answer in time"),
        ("/search", "gone", "broke the connection off"),
        ("/", "404", "is not there (HTTP 404)"),
        ("/files/S2_1_2020-06-01_B03", "403", "/files/S2_1_2020-06-01_B03.tif does not allow it (HTTP 403)."),
        ("/files/S2_1_2020-06-01_B03", "404", "/files/S2_1_2020-06-01_B03.tif has no such file (HTTP 404)."),
        ("/files/S2_1_2020-06-01_B03", "html", "S2_1_2020-06-01_B03.tif is no raster"),
        ("/files/S2_1_2020-06-01_B03", "slow", "S2_1_2020-06-01_B03.tif stopped sending"),
    ],
)
def test_a_server_that_fails_is_named(
    fetched: Fetch, world: World, shop: Workshop, start: str, fault: str, words: str
) -> None:
    world.faults[start] = fault
    last = fetched(HURRY if fault == "slow" else HASTE, sar=False, dates=0).last

    assert (last.code, words in last.message) == ("input", True), last
    assert world.address in last.message
    assert last.message.startswith("The server of " if "/files/" in start and fault.isdigit() else "The ")
    assert list(shop.folder.glob("out/*.tif")) == leftovers(shop) == []


def test_a_folder_that_was_there_stays_and_is_empty_as_it_was(fetched: Fetch, shop: Workshop) -> None:
    (shop.folder / "out").mkdir()
    assert fetched(day="2010-06-01").last.code == "input"
    assert list((shop.folder / "out").iterdir()) == []


def test_a_file_that_ends_half_way_costs_no_other_and_is_gone_on_with(
    fetched: Fetch, world: World, shop: Workshop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GDAL_NUM_THREADS", "ALL_CPUS")
    world.faults["/files/S1_1_2020-06-04_15_vh"] = "cut"
    last = fetched(ONCE).last

    assert last.message == f"The file {world.address}/files/S1_1_2020-06-04_15_vh.tif was cut off, or is damaged."
    assert (last.code, "what is complete is kept" in last.hint) == ("input", True)
    assert "ERROR" not in capfd.readouterr().err
    assert [path.name for path in shop.folder.glob("out/*.tif")] == ["optical.tif"]
    assert leftovers(shop) == []

    world.faults.clear()
    asked = len(world.requests)
    heard = fetched()
    assert heard.last.output.endswith("fetch.json")
    assert "optical.tif is there already" in heard.logs("info")
    read = [request for request in world.requests[asked:] if "S2_0_2020-06-01" in request]
    assert len(read) <= 3 * 3, "the head of each of three files, no pixels"


def test_a_server_that_dies_half_way_ends_the_job(fetched: Fetch, world: World, shop: Workshop) -> None:
    def die() -> None:
        while not any("/files/" in request for request in list(world.requests)):
            time.sleep(0.005)
        world.faults["/"] = "gone"

    thread = threading.Thread(target=die)
    thread.start()
    last = fetched(ONCE).last
    thread.join()

    assert last.code == "input", last
    assert leftovers(shop) == []


def test_a_pause_of_the_server_is_waited_out(fetched: Fetch, world: World) -> None:
    world.faults["/files/S2_0_2020-06-01_B02"] = "html"
    timer = threading.Timer(0.1, world.faults.clear)
    timer.start()
    last = fetched(sar=False, dates=0).last
    timer.join()
    assert last.output.endswith("fetch.json"), last


def test_a_cancelled_job_ends_while_a_server_is_silent(fetched: Fetch, world: World, shop: Workshop) -> None:
    world.faults["/files/"] = "slow"
    last = fetched(cancelled=lambda: any("/files/" in request for request in world.requests)).last

    assert last.code == "cancelled"
    assert leftovers(shop) == []


def test_an_item_without_its_files_is_left_out_where_others_serve(fetched: Fetch, world: World) -> None:
    for item in world.items:
        if item["id"].endswith("2020-06-01"):
            del item["assets"]["B03"]
    heard = fetched(sar=False, dates=0)
    assert "2 item(s) lack files of bands and are left out, S2_0_2020-06-01 first." in heard.logs("warning")
    assert "the nearest is 5 day(s) away" in heard.logs("warning")


def test_radar_without_both_polarisations_is_refused(fetched: Fetch, world: World) -> None:
    for item in world.items:
        item["assets"].pop("vh", None)
    last = fetched(dates=0).last
    assert "No radar image with VV and VH in the catalogue" in last.message
    assert "has none for VH" in last.message


def test_without_radar_the_rest_is_fetched(fetched: Fetch, world: World, shop: Workshop) -> None:
    world.items = [item for item in world.items if item["collection"] != SAR]
    heard = fetched(dates=0)
    assert "Radar is left out: " in heard.logs("warning")
    assert [path.name for path in shop.folder.glob("out/*.tif")] == ["optical.tif"]


def test_radar_straight_from_the_archive_is_refused(fetched: Fetch, world: World) -> None:
    for item in world.items:
        if item["id"] == "S1_0_2020-06-04_15":
            strip_georeference(write_file(world.folder, "raw", 0, dtype="float32"))
            item["assets"]["vv"]["href"] = f"{world.address}/files/raw.tif"
    last = fetched(dates=0).last
    assert (last.code, "its files have no grid, straight from the archive" in last.message) == (
        "uncalibrated-sar",
        True,
    ), last


def strip_georeference(path: Path) -> None:
    """Writes a file's pixels anew without saying where they lie."""
    with rasterio.open(path) as file:
        numbers = file.read()
    path.unlink()
    with rasterio.open(path, "w", driver="GTiff", width=256, height=256, count=1, dtype="float32", tiled=True) as file:
        file.write(numbers)


def rename_files(world: World, href: str) -> None:
    """Has the items name their files otherwise; `{}` is the name."""
    for item in world.items:
        for asset in item["assets"].values():
            asset["href"] = href.format(asset["href"].rpartition("/")[2])


def test_files_of_a_bucket_are_read_as_the_environment_says(
    fetched: Fetch, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename_files(world, "s3://files/{}")
    for name, value in {
        "AWS_NO_SIGN_REQUEST": "YES",
        "AWS_S3_ENDPOINT": world.address.removeprefix("http://"),
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
    }.items():
        monkeypatch.setenv(name, value)
    world.faults["/files/S2_1_2020-06-01_B03"] = "404"
    lost = fetched(sar=False, dates=0).last
    assert "s3://files/S2_1_2020-06-01_B03.tif" in lost.message

    world.faults.clear()
    whole = fetched(sar=False, dates=0).last
    assert whole.output.endswith("fetch.json"), whole


def test_a_bucket_without_keys_says_which(
    fetched: Fetch, world: World, shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(shop.folder))
    monkeypatch.setenv("USERPROFILE", str(shop.folder))
    monkeypatch.setenv("CPL_AWS_EC2_API_ROOT_URL", "disabled")
    rename_files(world, "s3://files/{}")
    last = fetched(sar=False, dates=0).last
    assert "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set" in last.message


@pytest.mark.parametrize("href", ["../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "ftp://example.org/{}"])
def test_files_elsewhere_are_not_read(fetched: Fetch, world: World, href: str) -> None:
    rename_files(world, href)
    last = fetched(sar=False, dates=0).last
    assert (last.code, "http, https and s3 addresses are read" in last.message) == ("input", True)
    assert href.format("") in last.message


def test_items_without_a_date_are_left_out_or_named(fetched: Fetch, world: World) -> None:
    world.items[0]["properties"]["datetime"] = None
    assert "1 item(s) of sentinel-2-l2a state no valid time" in fetched(sar=False, dates=0).logs("warning")
    for item in world.items:
        item["properties"]["datetime"] = None
    last = fetched(sar=False, dates=0, overwrite=True).last
    assert (last.code, "12 item(s) of sentinel-2-l2a state no valid time" in last.message) == ("input", True), last


def test_only_one_place_asks_again_and_says_so(fetched: Fetch, world: World) -> None:
    name = "S2_1_2020-06-01_B03.tif"
    world.faults[f"/files/{name}"] = "503"
    heard = fetched(sar=False, dates=0)
    asked = [request for request in world.requests if name in request]
    assert len(asked) <= 2 * 2, "GDAL opens a file with two requests; the second try is ours"
    assert f"{name} is too busy (HTTP 503). It is asked for again." in heard.logs("warning")


def test_who_is_waited_for_is_said_and_not_for_ever(
    fetched: Fetch, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "WORTH_SAYING_S", 0.1)
    world.faults["/files/S2_1_2020-06-01_B03"] = "slow"
    heard = fetched(Patience(connect_s=5, silence_s=3, waits_s=(0.1,) * 50), sar=False, dates=0)

    assert "B03.tif stopped sending" in heard.last.message
    assert heard.logs("info").count(f"Waiting for {world.address.removeprefix('http://')}.") == 1
    assert len([request for request in world.requests if "B03" in request]) < 20


def test_tokens_are_asked_for_once_and_never_said(
    fetched: Fetch, world: World, shop: Workshop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    world.token = True
    tokens = f"{world.address}/token/{{collection}}"
    monkeypatch.setitem(presets.PRESETS, "signed", Catalogue(world.address, (OPTICAL,), (SAR,), tokens))
    heard = fetched(catalogue="signed")
    asked = [request for request in world.requests if "/token/" in request]

    assert heard.last.output.endswith("fetch.json"), heard.last
    assert sorted(asked) == [f"GET /token/{SAR}", f"GET /token/{OPTICAL}"]
    world.faults["/files/S2_0_2020-07-21_B04"] = "html"
    failed = fetched(ONCE, catalogue="signed", overwrite=True, dates=2).last
    told = f"{heard.events} {failed} {capfd.readouterr()} {(shop.folder / 'out/fetch.json').read_text()}"
    assert "S2_0_2020-07-21_B04.tif is no raster" in failed.message
    assert "secret" not in told

    world.faults["/token/"] = "403"
    refused = fetched(catalogue="signed", overwrite=True, dates=0).last
    assert "asked for access to files of" in refused.message
    assert "does not allow it (HTTP 403)" in refused.message


def test_a_folder_that_cannot_be_is_said(fetched: Fetch, shop: Workshop) -> None:
    (shop.folder / "out").write_text("a file")
    assert fetched().last.code == "output"


def test_two_runs_do_not_fetch_into_one_folder(fetched: Fetch, world: World, shop: Workshop) -> None:
    world.faults["/files/"] = "slow"
    stop = threading.Event()
    first: list[Any] = []
    thread = threading.Thread(target=lambda: first.append(fetched(cancelled=stop.is_set).last))
    thread.start()
    while not any("/files/" in request for request in list(world.requests)):
        time.sleep(0.01)
    second = fetched().last
    stop.set()
    thread.join()

    assert (second.code, first[0].code) == ("output", "cancelled")
    assert "Another run is fetching into" in second.message


def test_the_command_fetches_and_its_errors_have_exit_codes(world: World, shop: Workshop) -> None:
    area = [str(value) for value in AREA]
    asked = ["fetch", "--bbox", *area, "--day", "2020-06-01", "--dates", "0", "--no-sar", "--bands", "B2,B3,B4"]
    done = shop.command(*asked, "--catalog", world.address, "-o", "out")
    assert done.returncode == 0, done.stderr
    assert "Wrote out/fetch.json" in done.stderr
    world.faults["/"] = "html"
    failed = shop.command(*asked, "--catalog", world.address, "-o", "out")
    assert failed.returncode == 3
    assert "Traceback" not in failed.stderr


def test_a_killed_run_leaves_whole_files_only(world: World, shop: Workshop) -> None:
    area = [str(value) for value in AREA]
    command = [sys.executable, "-I", "-m", "unclouded.backend", "fetch", "--bbox", *area, "--day", "2020-06-01"]
    command += ["--bands", "B2,B3,B4", "--dates", "0", "--catalog", world.address, "-o", shop.path("out")]
    world.faults["/files/S1_1_2020-06-04_15_vh"] = "cut"
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ)
    end = time.monotonic() + PATIENCE_S
    while process.poll() is None and not (shop.folder / "out/optical.tif").exists() and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    process.wait()
    world.faults.clear()
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "optical.tif is there already" in done.stderr
    assert leftovers(shop) == []


def test_an_interrupted_command_ends_while_a_server_is_silent(world: World, shop: Workshop) -> None:
    area = [str(value) for value in AREA]
    command = [sys.executable, "-I", "-m", "unclouded.backend", "fetch", "--bbox", *area, "--day", "2020-06-01"]
    command += ["--bands", "B2,B3,B4", "--catalog", world.address, "-o", shop.path("out")]
    world.faults["/files/"] = "slow"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        while process.poll() is None and not any("/files/" in request for request in list(world.requests)):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)

    assert (process.returncode, "Cancelled" in said) == (130, True), said
    assert not (shop.folder / "out").exists()


def test_help_and_other_commands_do_not_load_the_libraries() -> None:
    loaded = "import sys; import unclouded.backend.__main__, unclouded.backend.jobs"
    script = f"{loaded}; print({{'odc', 'pystac', 'dask', 'xarray'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_hints_of_bands_name_the_other_collection(fetched: Fetch, world: World) -> None:
    item = make_item(world, "other", "other_1", "2020-06-01", 0)
    add_asset(world, item, "thumbnail", world.folder / "t.tif")
    last = fetched(collection="other").last
    assert "other_1 has none for B2, B3, B4" in last.message
    assert "--collection" in last.hint
