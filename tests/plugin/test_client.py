"""The client against a fake worker: real processes, every way in which a worker can behave."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from unclouded.backend.errors import BackendError
from unclouded.backend.protocol import PROTOCOL, RemoveClouds, partial_folder
from unclouded.plugin import client as client_module
from unclouded.plugin.client import Client, new_job_id

FAKE = Path(__file__).with_name("fake_worker.py")


@pytest.fixture
def start() -> Iterator[Callable[[str], Client]]:
    clients: List[Client] = []

    def make(behaviour: str) -> Client:
        clients.append(Client(Path(sys.executable), [sys.executable, str(FAKE), behaviour]))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def job(tmp_path: Path) -> RemoveClouds:
    optical = tmp_path / "cloudy.tif"
    optical.write_bytes(b"pixels")
    return RemoveClouds(new_job_id(), str(optical), str(tmp_path / "clear.tif"), mask_output=str(tmp_path / "mask.tif"))


def kinds(events: list) -> List[str]:
    return [type(event).__name__ for event in events]


def another(job: RemoveClouds, name: str) -> RemoveClouds:
    return RemoveClouds(new_job_id(), job.optical, str(Path(job.output).with_name(name)))


def run_aside(client: Client, job: RemoveClouds) -> tuple[threading.Thread, list, threading.Event]:
    """Runs a job in a thread; gives the thread, the list its events go to, and an event set when it is under way."""
    events: list = []
    under_way = threading.Event()

    def collect() -> None:
        for event in client.run(job):
            events.append(event)
            if kinds([event]) == ["Progress"]:
                under_way.set()

    thread = threading.Thread(target=collect)
    thread.start()
    return thread, events, under_way


def wait_until_queued(client: Client, job: RemoveClouds) -> None:
    while job.id not in client._living_worker().queue():
        time.sleep(0.01)


def test_a_job_runs_from_estimate_to_done(start, job):
    client = start("normal")
    assert client.start().version == "0.1.0"
    assert client.wait_ready().devices == [{"name": "cpu", "label": "Processor"}]
    events = list(client.run(job))
    assert kinds(events) == ["Log", "Estimate", "Progress", "Done"]
    assert events[-1].mask_output == job.mask_output
    assert Path(job.output).read_bytes() == b"pixels"


def test_the_worker_stays_warm_between_jobs(start, job):
    client = start("normal")
    list(client.run(job))
    worker = client._living_worker()
    list(client.run(another(job, "second.tif")))
    assert client._living_worker() is worker


def test_jobs_of_several_threads_share_one_worker(start, job):
    client = start("normal")
    jobs = [another(job, f"{n}.tif") for n in range(5)]
    runs = [run_aside(client, each) for each in jobs]
    for thread, _, _ in runs:
        thread.join()
    for each, (_, events, _) in zip(jobs, runs, strict=True):
        assert {event.id for event in events} == {each.id}
        assert kinds(events)[-1] == "Done"


def test_cancel_is_obeyed_without_a_kill(start, job, monkeypatch):
    monkeypatch.setattr(client_module, "KILL_AFTER_S", 30.0)
    client = start("slow")
    thread, events, under_way = run_aside(client, job)
    under_way.wait()
    client.cancel(job.id)
    thread.join()
    assert events[-1].code == "cancelled"
    assert not client._living_worker().ended.is_set()
    assert not Path(job.output).exists()


def test_a_hanging_worker_is_killed_and_its_leftovers_removed(start, job):
    client = start("hang")
    thread, events, under_way = run_aside(client, job)
    under_way.wait()
    worker = client._living_worker()
    client.cancel(job.id)
    thread.join()
    assert events[-1].code == "cancelled"
    assert worker.ended.is_set()
    assert worker.killed_for == job.id
    assert not partial_folder(job.output).exists()
    assert not Path(job.output).exists()


def test_a_job_behind_a_killed_one_runs_on_a_fresh_worker(start, job, tmp_path):
    client = start("hang")
    thread, events, under_way = run_aside(client, job)
    under_way.wait()
    client._command = [sys.executable, str(FAKE), "normal"]
    second = another(job, "second.tif")
    other_thread, other_events, _ = run_aside(client, second)
    wait_until_queued(client, second)
    client.cancel(job.id)
    thread.join()
    other_thread.join()
    assert events[-1].code == "cancelled"
    assert kinds(other_events)[-1] == "Done"


def test_cancelling_a_waiting_job_leaves_the_running_one_alone(start, job):
    client = start("hang")
    thread, _, under_way = run_aside(client, job)
    under_way.wait()
    worker = client._living_worker()
    waiting = another(job, "second.tif")
    other_thread, other_events, _ = run_aside(client, waiting)
    wait_until_queued(client, waiting)
    client.cancel(waiting.id)
    other_thread.join()
    assert other_events[-1].code == "cancelled"
    assert not worker.ended.is_set()
    client.cancel(job.id)
    thread.join()


def test_cancel_during_the_start_ends_the_job(start, job):
    client = start("mute")
    thread, events, _ = run_aside(client, job)
    wait_until_queued(client, job)
    client.cancel(job.id)
    thread.join()
    assert [event.code for event in events] == ["cancelled"]


def test_cancel_while_the_libraries_load_does_not_disturb_who_waits_for_them(start, job, tmp_path):
    client = start("loading")
    client._command.append(str(tmp_path / "loaded-once"))
    client.start()
    waiting: list = []
    waiter = threading.Thread(target=lambda: waiting.append(client.wait_ready()))
    waiter.start()
    thread, events, _ = run_aside(client, job)
    wait_until_queued(client, job)
    client.cancel(job.id)
    thread.join()
    waiter.join()
    assert events[-1].code == "cancelled"
    assert waiting[0].devices[0]["name"] == "cpu"


def test_a_job_cancelled_before_it_ran_starts_nothing(start, job):
    client = start("normal")
    client.cancel(job.id)
    assert [event.code for event in client.run(job)] == ["cancelled"]


def test_a_dead_worker_costs_one_error_with_its_last_words(start, job):
    client = start("die")
    with pytest.raises(BackendError, match=r"exit code 3\): last words") as caught:
        list(client.run(job))
    assert caught.value.details == ["first words", "last words"]
    assert caught.value.hint
    assert not partial_folder(job.output).exists()


def test_after_a_death_the_next_job_starts_another_worker(start, job):
    client = start("die-once")
    with pytest.raises(BackendError):
        list(client.run(job))
    assert kinds(list(client.run(another(job, "second.tif"))))[-1] == "Done"


def test_a_worker_that_left_in_its_idle_time_is_replaced(start, job):
    assert kinds(list(start("idle").run(job)))[-1] == "Done"


def test_a_failed_job_hands_on_message_and_hint(start, job):
    failed = list(start("fail").run(job))[-1]
    assert (failed.code, failed.message, failed.hint) == ("no-data", "All is nodata.", "Choose another area.")


def test_another_protocol_is_refused(start, job):
    with pytest.raises(BackendError, match=rf"speaks protocol {PROTOCOL}, version 0\.1\.0 speaks 0"):
        list(start("old").run(job))


def test_text_on_the_channel_is_refused(start):
    with pytest.raises(BackendError, match="Welcome!"):
        start("babble").start()


def test_a_worker_that_cannot_load_its_libraries_says_so(start, job):
    client = start("broken")
    with pytest.raises(BackendError, match="The libraries cannot be loaded"):
        client.wait_ready()
    with pytest.raises(BackendError, match="The libraries cannot be loaded"):
        list(client.run(job))


def test_a_mute_worker_is_given_up(start, monkeypatch):
    monkeypatch.setattr(client_module, "HELLO_TIMEOUT_S", 0.2)
    with pytest.raises(BackendError, match=r"did not answer within 0.2 s"):
        start("mute").start()


def test_a_worker_that_no_longer_answers_is_stopped(start, job, monkeypatch):
    monkeypatch.setattr(client_module, "SILENCE_S", 0.3)
    with pytest.raises(BackendError, match="has not answered"):
        list(start("hang").run(job))
    assert not partial_folder(job.output).exists()


def test_a_long_silence_with_an_answered_ping_is_no_fault(start, job, monkeypatch):
    monkeypatch.setattr(client_module, "SILENCE_S", 0.3)
    client = start("slow")
    thread, events, under_way = run_aside(client, job)
    under_way.wait()
    thread.join(1.5)
    assert thread.is_alive()
    client.cancel(job.id)
    thread.join()
    assert events[-1].code == "cancelled"


def test_noise_on_standard_error_does_not_block(start, job):
    client = start("noisy")
    assert kinds(list(client.run(job)))[-1] == "Done"
    assert client.details[-1] == "warning: noise"


def test_closing_ends_even_a_hanging_worker(start, job):
    client = start("hang")
    thread, events, under_way = run_aside(client, job)
    under_way.wait()
    worker = client._living_worker()
    client.cancel(job.id)
    client.close()
    thread.join()
    assert worker.ended.is_set()
    assert events[-1].code == "cancelled"


def test_a_python_without_the_libraries_is_named(tmp_path):
    python = Path(sys.executable)
    command = [str(python), "-c", "import no_such_library"]
    with pytest.raises(
        BackendError, match=f"could not start with {python} .*No module named 'no_such_library'"
    ) as caught:
        Client(python, command).start()
    assert "`make install-plugin`" in caught.value.hint


def test_a_python_that_cannot_start_is_named(tmp_path):
    broken = tmp_path / "python"
    broken.write_text("no program")
    with pytest.raises(BackendError, match=str(broken)):
        Client(broken).start()
