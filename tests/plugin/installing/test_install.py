"""The life of an environment, with real virtual environments, the real pip and tiny wheels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from unclouded.backend.errors import BackendError, Cancelled
from unclouded.backend.version import VERSION
from unclouded.plugin.environment import interpreter_of
from unclouded.plugin.installing.install import Network, install, remove, repair, update
from unclouded.plugin.installing.lock import lock_file
from unclouded.plugin.installing.places import downloads, pythons, site_packages
from unclouded.plugin.installing.plan import check_space, check_wheels
from unclouded.plugin.installing.stamp import read_stamp, write_stamp
from unclouded.plugin.installing.state import State, state

from .conftest import PINS, World
from .wheels import make_backend, make_wheel

SECRET = "s3cr3t"


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def renew(world: World) -> None:
    """Asks for another version of a package than that which is installed."""
    make_wheel(world.wheels, "alpha", "2.0")
    world.pin("alpha==2.0", *PINS[1:])


def with_password(world: World, password: str) -> str:
    """Gives the address of the index as a proxy."""
    return world.index.address.replace("://", f"://me:{password}@")


def packages(world: World) -> dict[str, str]:
    """Asks the environment itself what is installed."""
    script = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    done = subprocess.run([interpreter_of(world.target), "-I", "-c", script], capture_output=True, check=True)
    return {name: version for name, version in json.loads(done.stdout).items() if name not in ("pip", "setuptools")}


def processes_with(text: str) -> list[str]:
    """Gives the command lines of the processes that hold a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


def test_an_installation_from_an_index(world: World) -> None:
    proof = world.install(torch_index=f"{world.index.address}/torch-only")

    assert (proof.device, proof.label, proof.milliseconds) == ("cpu", "a stub", 1.5)
    assert packages(world) == {"alpha": "1.0", "stub_backend": "1.0", "torch": "2.13.0"}
    assert state(world.target) is State.READY
    stamp = read_stamp(world.target)
    assert (stamp.variant, stamp.base, stamp.plugin) == ("cpu", str(world.base.path), VERSION)
    assert world.contents() == {"environment", "environment.lock"}
    # torch from its own index and from there only
    assert world.index.count("/torch-only/torch/") > 0
    assert world.index.count("/usual/torch/") == world.index.count("/torch-only/alpha/") == 0
    fractions = [step.fraction for step in world.steps]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    texts = " ".join(step.text for step in world.steps)
    for words in ("Making the environment", "torch", "alpha", "Trying the generator"):
        assert words in texts


def test_an_installation_without_network(made: Path, installed: World) -> None:
    assert state(installed.target) is State.READY
    assert packages(installed).keys() == {"alpha", "stub_backend", "torch"}


def test_a_folder_that_lacks_a_wheel_is_refused_before_anything_is_made(world: World) -> None:
    (world.wheels / "alpha-1.0-py3-none-any.whl").unlink()
    plan = world.plan(offline=True)
    with pytest.raises(BackendError, match=r"lacks wheels .*: alpha==1\.0\.") as caught:
        check_wheels(plan)
    assert "pip download" in caught.value.hint
    with pytest.raises(BackendError, match="does not exist"):
        check_wheels(replace(plan, wheels=world.wheels / "none"))


def run_apart(world: World, call: str) -> subprocess.Popen[bytes]:
    """Calls the installer in another process, as another QGIS would."""
    script = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from unclouded.plugin.installing.base_python import BasePython
from unclouded.plugin.installing.install import install
from unclouded.plugin.installing.lock import locked
from unclouded.plugin.installing.plan import Plan
from unclouded.plugin.installing.variant import Variant
variant = Variant("cpu", "", Path({str(world.requirements)!r}), "", 20000, 20000000)
base = BasePython(Path({str(world.base.path)!r}), {world.base.version!r}, {world.base.machine!r})
plan = Plan(Path({str(world.target)!r}), base, variant, None, False, 10**12)
{call}
"""
    return subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_a_killed_installation_leaves_no_process_and_is_gone_on_with(world: World) -> None:
    world.index.stalled = "torch"
    with run_apart(world, "install(plan, lambda step: None, lambda: False)") as process:
        assert world.index.reached.wait(60)
        process.kill()
    wait_for(lambda: not processes_with(str(world.target)))  # pip has noticed that nobody listens any more
    assert state(world.target) is State.HALF_MADE

    world.index.stalled = ""
    world.index.go_on.set()
    world.install()

    assert state(world.target) is State.READY
    assert world.index.count("alpha-1.0") == 1  # what was downloaded then was kept
    assert "Making the environment" not in [step.text for step in world.steps]


def test_a_package_that_was_unpacked_by_halves_is_installed_again(installed: World) -> None:
    (site_packages(installed.target) / "alpha.py").unlink()
    (site_packages(installed.target) / "alpha-1.0.dist-info" / "INSTALLER").unlink()
    stamp = read_stamp(installed.target)
    write_stamp(installed.target, replace(stamp, complete=False))

    installed.install(offline=True)

    assert (site_packages(installed.target) / "alpha.py").is_file()
    assert state(installed.target) is State.READY


def test_an_environment_whose_pip_is_there_by_halves_is_made_anew(installed: World) -> None:
    (pip,) = site_packages(installed.target).glob("pip-*.dist-info")
    (pip / "INSTALLER").unlink()
    (site_packages(installed.target) / "pip" / "__main__.py").unlink()
    write_stamp(installed.target, replace(read_stamp(installed.target), complete=False))

    installed.install(offline=True)

    assert state(installed.target) is State.READY
    assert "Making the environment" in [step.text for step in installed.steps]


def test_cancelling_ends_all_processes(installed: World) -> None:
    renew(installed)
    installed.index.stalled = "alpha"
    with pytest.raises(Cancelled):
        installed.install(cancelled=installed.index.reached.is_set)

    assert processes_with(str(installed.target)) == []
    assert state(installed.target) is State.HALF_MADE


def test_cancelled_before_it_began_it_makes_nothing(world: World) -> None:
    with pytest.raises(Cancelled):
        world.install(cancelled=lambda: True)
    assert state(world.target) is State.MISSING


def test_two_at_once(world: World) -> None:
    call = "with locked(plan.target): print('held', flush=True); sys.stdin.read()"
    with run_apart(world, call) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(BackendError, match=rf"another QGIS \(process {process.pid}\)"):
            world.install()
        with pytest.raises(BackendError, match="another QGIS"):
            remove(world.target)
        process.kill()
    with pytest.raises(Cancelled):  # the lock of a dead process holds nobody up
        world.install(cancelled=lambda: True)


def test_the_proxy_is_used_and_its_password_is_on_no_command_line(
    installed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew(installed)
    monkeypatch.setenv("PIP_INDEX_URL", "http://index.example.org/simple")
    installed.index.password = f"me:{SECRET}"
    seen: list[str] = []
    plan, network = installed.plan(), Network(with_password(installed, SECRET))
    install(plan, lambda step: seen.extend(processes_with("python")), lambda: False, network)

    assert state(installed.target) is State.READY
    assert all(address.startswith("http://index.example.org/") for address in installed.index.asked)
    assert installed.index.count("alpha-2.0") == 1
    assert any(" pip install " in line for line in seen)
    assert not [line for line in seen if SECRET in line]


def test_a_proxy_that_refuses_is_named_and_its_password_is_not(
    installed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew(installed)
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example.org/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    installed.index.password = "me:right"
    with pytest.raises(BackendError, match="proxy") as caught:
        install(installed.plan(), print, lambda: False, Network(with_password(installed, SECRET)))
    assert SECRET not in str(caught.value)
    assert state(installed.target) is State.HALF_MADE


def test_new_requirements_ask_for_an_update_which_loads_only_what_changed(installed: World) -> None:
    assert state(installed.target) is State.READY
    renew(installed)
    assert state(installed.target) is State.OUTDATED

    update(installed.plan(), installed.steps.append, lambda: False)

    assert state(installed.target) is State.READY
    assert packages(installed)["alpha"] == "2.0"
    assert [path for path in installed.index.asked if path.endswith(".whl")] == [
        "/usual/alpha/alpha-2.0-py3-none-any.whl"
    ]


def test_a_new_plugin_with_the_same_requirements_keeps_the_environment(installed: World) -> None:
    write_stamp(installed.target, replace(read_stamp(installed.target), plugin="0.0.1"))
    installed.requirements.write_text("# other words\n\n" + "\n".join(PINS))
    assert state(installed.target) is State.READY


def test_another_base_or_variant_makes_the_environment_anew(installed: World) -> None:
    (site_packages(installed.target) / "left_over.py").touch()
    write_stamp(installed.target, replace(read_stamp(installed.target), variant="cuda"))
    installed.install(offline=True)
    assert not (site_packages(installed.target) / "left_over.py").exists()
    assert read_stamp(installed.target).variant == "cpu"


def test_an_environment_that_has_lost_its_python_has_to_be_repaired(installed: World) -> None:
    configuration = installed.target / "pyvenv.cfg"
    configuration.write_text(configuration.read_text().replace("home = ", "home = /gone"))
    assert state(installed.target) is State.HALF_MADE

    (site_packages(installed.target) / "alpha.py").write_text("broken")
    repair(installed.plan(offline=True), installed.steps.append, lambda: False)

    assert state(installed.target) is State.READY
    assert "broken" not in (site_packages(installed.target) / "alpha.py").read_text()


def test_a_backend_that_does_not_run_is_not_installed(installed: World) -> None:
    make_backend(installed.wheels, "2.0", "libcudart.so.13: cannot open shared object file")
    installed.pin("alpha==1.0", "stub-backend==2.0", "torch==2.13.0")
    with pytest.raises(BackendError, match="cannot open shared object file"):
        update(installed.plan(offline=True), installed.steps.append, lambda: False)
    assert state(installed.target) is State.HALF_MADE


def test_remove_takes_everything(installed: World) -> None:
    for folder in (downloads(installed.target), pythons(installed.target)):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").touch()
        (folder / "deep" / "file").chmod(0o400)
    (installed.target.parent / "models").mkdir()

    remove(installed.target)

    assert installed.contents() == {"models"}
    assert state(installed.target) is State.MISSING
    remove(installed.target)  # what is not there is removed
    assert not lock_file(installed.target).exists()


def test_what_is_not_ours_is_neither_removed_nor_written_into(world: World) -> None:
    world.target.mkdir(parents=True)
    (world.target / "thesis.txt").write_text("years of work")
    for call in (lambda: remove(world.target), world.install, lambda: repair(world.plan(), print, lambda: False)):
        with pytest.raises(BackendError, match="was not made by Unclouded"):
            call()
    assert [path.name for path in world.target.iterdir()] == ["thesis.txt"]


def test_a_link_to_a_folder_is_not_ours(world: World, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    world.target.parent.mkdir()
    world.target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BackendError, match="was not made by Unclouded"):
        remove(world.target)


def test_a_disk_without_room_is_seen_before_anything_is_made(world: World) -> None:
    plan = world.plan()
    plan = replace(plan, variant=replace(plan.variant, disk_bytes=10**18))
    with pytest.raises(BackendError, match="are needed"):
        check_space(plan)
    with pytest.raises(BackendError, match="are needed"):
        install(plan, world.steps.append, lambda: False)
    assert not os.path.lexists(world.target)


def test_what_is_already_there_needs_no_room(world: World) -> None:
    plan = world.plan()
    world.target.mkdir(parents=True)
    with (world.target / "torch.so").open("wb") as file:
        file.truncate(10**13)  # a sparse file, larger than any disk
    check_space(replace(plan, variant=replace(plan.variant, disk_bytes=10**13)))


def test_a_disk_that_fills_up_is_named(world: World) -> None:
    world.target.parent.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(world.target.parent)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        plan = world.plan()
        plan = replace(plan, variant=replace(plan.variant, download_bytes=100, disk_bytes=100))
        with pytest.raises(BackendError, match="The disk is full"):
            install(plan, world.steps.append, lambda: False)
        assert state(world.target) is State.HALF_MADE
    finally:
        subprocess.run(["umount", str(world.target.parent)], check=True)
