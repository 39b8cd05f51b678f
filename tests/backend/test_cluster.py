"""Jobs on real schedulers and workers: the bytes of one machine, whoever dies, and one clear message for each fault."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import re
import signal
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unclouded.backend import cluster, portions, remote
from unclouded.backend.errors import Cancelled
from unclouded.backend.jobs import run
from unclouded.backend.protocol import Done, Log, Progress, RemoveClouds
from unclouded.backend.reporting import Reporter
from unclouded.backend.version import VERSION

from .dask_cluster import Cluster, scheduler, until
from .disks import disk
from .file_server import served
from .generators import write_cyclegan, write_fusion

HEIGHT, WIDTH = 1100, 1300


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler with two workers."""
    with scheduler(tmp_path_factory.mktemp("cluster")) as found:
        found.worker("first")
        found.worker("second")
        found.wait(2)
        yield found


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each window and each few tiles a task of their own."""
    monkeypatch.setattr(portions, "SURVEY_WINDOWS", 1)
    monkeypatch.setattr(portions, "BLOCK_PX", 32 * 64 * 64)


@pytest.fixture(scope="module")
def scene(module_shop: Any) -> dict[str, Any]:
    """An image with clouds, SAR, another date, and a tiny generator."""
    shop = module_shop
    cloud = shop.disc(HEIGHT, WIDTH, 300, 500, 90) | shop.disc(HEIGHT, WIDTH, 1050, 1250, 120)
    numbers = np.where(cloud, 7500, shop.numbers(4, HEIGHT, WIDTH)).astype(np.uint16)
    backscatter = (-11 - 7 * shop.land(2, HEIGHT, WIDTH)).astype(np.float32)
    return {
        "optical": shop.raster("o_20200601.tif", numbers),
        "mask": shop.mask("m.tif", cloud),
        "dates": [shop.raster("d_20200611.tif", shop.numbers(4, HEIGHT, WIDTH, seed=1), west=600_003)],
        "sar": shop.raster("s.tif", backscatter, west=600_007),
        "model": write_fusion(shop.folder),
        "method": "generator",
        "device": "cpu",
    }


def remove(shop: Any, scene: dict[str, Any], name: str, address: str | None, **options: Any) -> Any:
    layers = {"mask_output": shop.path(f"{name}_mask.tif"), "uncertainty_output": shop.path(f"{name}_error.tif")}
    return shop.remove(output=f"{name}.tif", cluster=address, **(scene | layers | options))


def test_image_mask_and_uncertainty_have_the_bytes_of_one_machine(
    shop: Any, scene: dict[str, Any], two: Cluster, small_portions: None
) -> None:
    here = remove(shop, scene, "here", None)
    there = remove(shop, scene, "there", two.address)

    assert isinstance(there.last, Done), there.last
    files = shop.contents()
    for layer in ("", "_mask", "_error"):
        assert files[f"there{layer}.tif"] == files[f"here{layer}.tif"]
    assert there.last.quality == here.last.quality
    assert there.last.cloud_fraction == here.last.cloud_fraction
    assert there.logs("warning") == here.logs("warning")
    (cluster_line,) = set(there.logs("info").splitlines()) - set(here.logs("info").splitlines())
    assert re.fullmatch(rf"Cluster {two.address}: 2 worker\(s\); dashboard at http://\S+/status", cluster_line)
    assert sorted(there.logs("info").splitlines()) == sorted([*here.logs("info").splitlines(), cluster_line])
    stages = [event.stage for event in there.events if isinstance(event, Progress)]
    assert {"looking for clouds", "looking for clouds on date 1", "reconstructing"} <= set(stages)
    assert not list(shop.folder.glob(".*"))


def test_blocks_beside_a_vrt_have_the_bytes_of_one_machine(shop: Any, two: Cluster) -> None:
    optical = shop.raster("long.tif", shop.numbers(3, 4300, 40), tiled=True)
    mask = shop.mask("m.tif", shop.disc(4300, 40, 4096, 20, 15))
    here, there = shop.fresh(), shop.fresh()
    for place, address in ((here, None), (there, two.address)):
        heard = place.remove(optical, "clear.vrt", mask=mask, mask_output=place.path("mask.vrt"), cluster=address)
        assert isinstance(heard.last, Done), heard.last

    assert there.contents() == here.contents()
    assert len(there.contents()) == 8


@pytest.mark.slow
def test_ten_kills_of_workers_change_no_byte(
    shop: Any, scene: dict[str, Any], two: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "SURVEY_WINDOWS", 1)
    monkeypatch.setattr(portions, "BLOCK_PX", 1)
    options = {"method": "inpaint", "sar": None, "dates": []}
    remove(shop, scene, "here", None, **options)
    chance, killed = random.Random(3), []

    def kill() -> None:
        while len(killed) < 10 and not over.is_set():
            if alive := [pid for pid in two.pids() if pid not in killed]:
                killed.append(chance.choice(alive))
                os.kill(killed[-1], signal.SIGKILL)
            over.wait(chance.uniform(0.2, 1.5))

    over = threading.Event()
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        runs = 0
        while runs == 0 or (len(killed) < 10 and runs < 10):
            there = remove(shop, scene, f"there{runs}", two.address, **options)
            assert isinstance(there.last, Done), there.last
            runs += 1
    finally:
        over.set()
        killer.join()
    assert len(killed) == 10
    files = shop.contents()
    for layer in ("", "_mask", "_error"):
        assert {files[f"there{i}{layer}.tif"] for i in range(runs)} == {files[f"here{layer}.tif"]}


def test_tasks_whose_last_worker_dies_while_another_is_greeted_are_done(
    shop: Any, scene: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cluster._wear
    with scheduler(tmp_path) as alone:
        first = alone.worker("first", "--no-nanny")

        async def wear(badge: str, dask_worker: Any) -> None:
            import asyncio
            import os
            import signal

            if dask_worker.name == "second":
                os.kill(pid, signal.SIGKILL)
                while len((await dask_worker.scheduler.identity(n_workers=-1))["workers"]) > 1:
                    await asyncio.sleep(0.05)
            await real(badge, dask_worker=dask_worker)

        def outlive_the_first(check: Any) -> str:
            import os
            import time

            while os.getpid() == pid:
                time.sleep(1)
            return "done"

        pid = first.pid
        alone.wait(1)
        monkeypatch.setattr(cluster, "_wear", wear)
        job = RemoveClouds("1", scene["optical"], shop.path("clear.tif"), method="inpaint")
        end = time.monotonic() + 200
        report = Reporter("1", lambda _: None, lambda: time.monotonic() > end)
        with cluster.gathered(alone.address, [job], report) as crew:
            alone.worker("second", "--no-nanny")
            outcomes = crew.run([types.SimpleNamespace(run=outlive_the_first)] * 3, in_order=True)
            assert [outcome for _, outcome in outcomes] == ["done"] * 3
        assert first.wait(10) == -signal.SIGKILL


def test_no_more_tasks_are_on_their_way_than_the_workers_need(
    shop: Any, scene: dict[str, Any], two: Cluster, small_portions: None
) -> None:
    from unclouded.backend.scene import open_optical, open_scene
    from unclouded.backend.survey import MaskRules, Pass

    def quiet(level: str, text: str) -> None:
        pass

    opened = open_scene(open_optical(scene["optical"], None, None, None, quiet), None, [], None, quiet)
    (portion, *_) = portions.cut_survey(Pass(opened, MaskRules(scene["mask"])))
    taken, given, most = 0, 0, 0

    def work() -> Iterator[Any]:
        nonlocal taken
        for _ in range(12):
            taken += 1
            yield portion

    job = RemoveClouds("1", scene["optical"], shop.path("clear.tif"), method="inpaint")
    with cluster.gathered(two.address, [job], Reporter("1", lambda _: None)) as crew:
        for _ in crew.run(work(), in_order=True):
            most = max(most, taken - given)
            given += 1
        assert given == 12
        assert most <= cluster.TASKS_AHEAD * crew.size


def test_a_task_that_ends_its_workers_ends_the_run(
    shop: Any, scene: dict[str, Any], two: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(check: Any) -> None:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(cluster, "MOST_DEATHS", 2)
    job = RemoveClouds("1", scene["optical"], shop.path("clear.tif"), method="inpaint")
    with cluster.gathered(two.address, [job], Reporter("1", lambda _: None)) as crew:
        ((_, outcome),) = crew.run([types.SimpleNamespace(run=die)], in_order=True)
    assert isinstance(outcome, remote.WorkersDied)
    assert outcome.message == "A task has ended its workers 2 times or more."
    assert "--memory-limit" in outcome.hint


def test_scenes_end_each_in_its_own_way(module_shop: Any, scene: dict[str, Any], two: Cluster, tmp_path: Path) -> None:
    shop = module_shop.fresh()
    remove(shop, scene, "here", None)
    with disk(tmp_path / "full", "300k") as full:
        common = {"optical": scene["optical"], "mask": scene["mask"], "method": "inpaint"}
        facts = scene | {"mask_output": shop.path("a_mask.tif"), "uncertainty_output": shop.path("a_error.tif")}
        wanted = [
            RemoveClouds("a", output=shop.path("a.tif"), **facts),
            RemoveClouds("b", output=str(full / "b.tif"), **common),
            RemoveClouds("c", output=shop.path("c.tif"), **(common | {"optical": shop.path("missing.tif")})),
            RemoveClouds("d", output=shop.path("d.tif"), **common),
        ]
        events: list[Any] = []
        report = Reporter("all", events.append)
        ended = {outcome.id: outcome for outcome in cluster.remove_each(wanted, two.address, report)}
        assert not list(full.iterdir())

    assert isinstance(ended["a"], Done)
    assert isinstance(ended["d"], Done)
    assert (ended["b"].code, ended["c"].code) == ("output", "unreadable")
    assert "MB free" in ended["b"].message
    files = shop.contents()
    assert files["a.tif"] == files["here.tif"]
    assert files["a_error.tif"] == files["here_error.tif"]
    assert {event.id for event in events if isinstance(event, Progress)} >= {"a", "d"}
    assert any(event.id == "a" and "will be reconstructed" in event.text for event in events if isinstance(event, Log))


def test_a_cancelled_run_ends_at_once_and_leaves_nothing(
    shop: Any, scene: dict[str, Any], two: Cluster, small_portions: None
) -> None:
    began: list[Any] = []

    def hear(event: Any) -> None:
        if isinstance(event, Progress) and event.stage == "reconstructing":
            began.append(event)

    job = RemoveClouds("1", output=shop.path("clear.tif"), cluster=two.address, **scene)
    with pytest.raises(Cancelled):
        run(job, Reporter("1", hear, lambda: bool(began)))
    assert shop.contents() == {}

    wanted = [dataclasses.replace(job, id=str(i), output=shop.path(f"{i}.tif")) for i in range(3)]
    with pytest.raises(Cancelled):
        list(cluster.remove_each(wanted, two.address, Reporter("1", began.append, lambda: len(began) > 4)))
    until(lambda: shop.contents() == {})


def test_an_input_that_vanishes_half_way_is_named(
    module_shop: Any, scene: dict[str, Any], two: Cluster, small_portions: None
) -> None:
    shop = module_shop.fresh()
    image = Path(shop.path("gone.tif"))
    image.write_bytes(Path(scene["optical"]).read_bytes())
    events: list[Any] = []

    def hear(event: Any) -> None:
        events.append(event)
        if isinstance(event, Progress) and event.stage == "reconstructing":
            image.unlink(missing_ok=True)

    job = RemoveClouds("1", output=shop.path("clear.tif"), cluster=two.address, **(scene | {"optical": str(image)}))
    with pytest.raises(cluster.UncloudedError, match=r"gone\.tif cannot be read as a raster") as caught:
        run(job, Reporter("1", hear))
    assert caught.value.code == "unreadable"
    assert shop.contents() == {}


def test_images_come_from_a_web_server(module_shop: Any, scene: dict[str, Any], two: Cluster) -> None:
    shop = module_shop.fresh()
    shop.remove(scene["optical"], "here.tif", mask=scene["mask"])
    with served(module_shop.folder) as root:
        optical, mask = (f"{root}/{Path(scene[name]).name}" for name in ("optical", "mask"))
        there = shop.remove(optical, "there.tif", mask=mask, cluster=two.address)
    assert isinstance(there.last, Done), there.last
    files = shop.contents()
    assert files["there.tif"] == files["here.tif"]


def test_workers_that_cannot_do_it_are_left_out_by_name(
    shop: Any, scene: dict[str, Any], two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("unclouded", "unclouded/backend"):
        (tmp_path / "old" / package).mkdir(parents=True)
        (tmp_path / "old" / package / "__init__.py").touch()
    (tmp_path / "old" / "unclouded" / "backend" / "version.py").write_text('VERSION = "0.0.1"\n')
    (tmp_path / "other").mkdir()
    write_cyclegan(tmp_path / "other", "own")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "own.safetensors").write_bytes(Path(scene["model"]).read_bytes())
    old = two.worker("old", "--no-nanny", PYTHONPATH=str(tmp_path / "old"))
    has = two.worker("has", "--no-nanny", UNCLOUDED_MODELS=str(tmp_path / "models"))
    other = two.worker("other", "--no-nanny", UNCLOUDED_MODELS=str(tmp_path / "other"))
    two.wait(5)
    monkeypatch.setenv("UNCLOUDED_MODELS", str(tmp_path / "models"))
    try:
        heard = remove(shop, scene, "there", two.address, model="own")
        assert isinstance(heard.last, Done), heard.last
        warnings = heard.logs("warning")
        assert re.search(
            rf"The worker old \(tcp://\S+\) is left out, since it has Unclouded 0\.0\.1, .* {VERSION}\.", warnings
        )
        assert re.search(r"The worker first .* No generator 'own' is installed", warnings)
        assert re.search(r"The worker other .* has another generator 'own': SHA-256", warnings)
        has.terminate()
        has.wait(30)
        refused = remove(shop, scene, "again", two.address, model="own")
        assert refused.last.code == "backend"
        assert "is left out, since it" in refused.last.message
        assert refused.last.hint
    finally:
        for process in (old, other, has):
            process.terminate()
            process.wait(30)


def test_workers_of_this_machine_come_and_go_with_the_run(shop: Any, scene: dict[str, Any]) -> None:
    shop.remove(scene["optical"], "here.tif", mask=scene["mask"])
    options = ["--method", "inpaint", "--mask", scene["mask"], "--cluster", "local:1", "--json"]
    done = shop.command("remove", scene["optical"], "-o", "there.tif", *options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["type"] == "Done"
    files = shop.contents()
    assert files["there.tif"] == files["here.tif"]
    assert not list(shop.folder.glob(".*"))
