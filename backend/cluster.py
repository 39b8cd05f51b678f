"""The passes over a scene, and whole scenes, as tasks on Dask distributed: the one file that knows it.

A task carries all that it needs but the images, the generator and this package, so it can be done again by any other
worker. Workers show what they have before they get one; those that have it are given a resource that the tasks ask for.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from .errors import BackendError, Cancelled, UncloudedError, UsageError
from .portions import Check, SceneJob, Terms, sha256_of, terms_of, with_whole_paths
from .protocol import Done, Failed, RemoveClouds, encode, failure
from .remote import Hearing, RemoteEngine, is_given_up, refusal_of
from .removal import remove
from .reporting import Reporter
from .version import VERSION

if TYPE_CHECKING:
    from distributed import Client, Future, Worker

CONNECT_S = 10
PATIENCE_S = 60.0
"""Time without any worker after which a run is given up."""
ROLL_S = 1.0
"""Between two looks at which workers there are."""
POLL_S = 0.1
TASKS_AHEAD = 2
"""For each worker: one that runs and one that waits for it."""
ATTEMPTS = 3
"""Each ends when four workers have died with the task, which is what Dask allows by default."""


def remove_on_cluster(job: RemoveClouds, report: Reporter) -> Done:
    """Runs a job whose passes are tasks of a cluster; the bytes are those of one machine.

    Raises:
        UncloudedError: The subclass says what is wrong; nothing is written then.
    """
    whole = with_whole_paths(job)
    with _crew(job.cluster or "local", [whole], report) as crew:
        return remove(whole, report, RemoteEngine(crew))


def remove_each(jobs: Sequence[RemoveClouds], address: str, report: Reporter) -> Iterator[Done | Failed]:
    """Runs jobs on a cluster, one to each worker at a time.

    Args:
        jobs: With ids of their own; their files lie where all workers reach them.
        address: Of the scheduler, or `local[:N]`.
        report: Hears of each job under its id, and may cancel all.

    Yields:
        How each job ended, in the order in which they end.

    Raises:
        Cancelled: It was given up; nothing is left of the jobs that ran.
        BackendError: There is no such cluster, or nobody in it can do the jobs.
    """
    scenes = [_Scene(with_whole_paths(job), f"unclouded-{os.getpid()}-{id(jobs)}") for job in jobs]
    if not scenes:
        return
    hearing = Hearing(report)
    with (
        _crew(address, [scene.job for scene in scenes], report) as crew,
        crew.subscribed(scenes[0].topic, hearing.take),
    ):
        crew.meanwhile = hearing.pass_on
        for scene, outcome in crew.run(scenes, in_order=False):
            hearing.pass_on()
            yield failure(scene.job.id, outcome) if isinstance(outcome, UncloudedError) else outcome


class _Work(Protocol):
    """A task."""

    def run(self, check: Check) -> Any: ...


@dataclass(frozen=True)
class _Scene:
    """A whole job as a task that sends its events home."""

    job: RemoveClouds
    topic: str

    def run(self, check: Check) -> Done | Failed:
        from distributed import get_worker

        worker = get_worker()
        return SceneJob(self.job).run(
            Reporter(
                self.job.id, lambda event: worker.log_event(self.topic, encode(event)), partial(is_given_up, check)
            )
        )


@dataclass
class _Order:
    """A task on its way."""

    work: _Work
    future: Future[Any]
    attempt: int = 1


class _Crew:
    """The workers that take part in a run.

    Args:
        client: Connected.
        address: Of the scheduler, as people know it.
        terms: What a worker must have.
        jobs: From which it learns what it has.
        report: Hears of refusals, and may cancel.
    """

    def __init__(self, client: Client, address: str, terms: Terms, jobs: list[RemoveClouds], report: Reporter) -> None:
        self.meanwhile: Callable[[], None] = lambda: None
        self.batch_size = 1
        self._client, self._address, self._terms, self._jobs, self._report = client, address, terms, jobs, report
        asked = repr((terms.version, terms.generators, sorted({job.device for job in jobs})))
        self._badge = "unclouded-" + hashlib.sha256(asked.encode()).hexdigest()[:12]
        self._accepted: dict[str, Terms] = {}
        self._refused: dict[str, UncloudedError] = {}
        self._looked = 0.0
        self._seen = time.monotonic()

    @property
    def size(self) -> int:
        """Workers that take part."""
        return max(len(self._accepted), 1)

    def assemble(self) -> None:
        """Waits for the first workers and looks at what they have.

        Raises:
            BackendError: There is none, or none that can do the jobs.
        """
        while not self._accepted:
            self._call_roll([])
            if self._refused and not self._accepted:
                raise next(iter(self._refused.values()))
            self._rest()
        self.batch_size = max(terms.batch_size for terms in self._accepted.values())

    def run(self, work: Iterable[Any], in_order: bool) -> Iterator[tuple[Any, Any]]:
        """Yields each piece of work with its outcome, an UncloudedError being one too.

        No more tasks are on their way than the workers need, outcomes that nobody has fetched included.

        Args:
            work: Taken as tasks are done.
            in_order: Yield in the order of the work, not in that in which tasks end.
        """
        orders: list[_Order] = []
        upcoming = iter(work)
        try:
            while True:
                while len(orders) < TASKS_AHEAD * self.size and (piece := next(upcoming, None)) is not None:
                    orders.append(_Order(piece, self._submit(piece)))
                if not orders:
                    return
                order = self._next(orders, in_order)
                orders.remove(order)
                yield order.work, self._outcome(order)
        finally:
            with contextlib.suppress(OSError, RuntimeError):
                self._client.cancel([order.future for order in orders], force=True)

    @contextlib.contextmanager
    def subscribed(self, topic: str, hear: Callable[[Any], None]) -> Iterator[None]:
        """Hands over what workers log under a topic, in a thread of the client, as long as the context lasts."""
        self._client.subscribe_topic(topic, lambda event: hear(event[1]))
        try:
            yield
        finally:
            self._client.unsubscribe_topic(topic)

    def _submit(self, work: _Work) -> Future[Any]:
        return self._client.submit(_do, work, pure=False, resources={self._badge: 1})

    def _next(self, orders: list[_Order], in_order: bool) -> _Order:
        """Waits for the first order, or for any; does again what its workers have died with."""
        while True:
            for order in orders[:1] if in_order else orders:
                if order.future.status in ("cancelled", "lost"):
                    order.future = self._submit(order.work)
                elif order.future.done() and not self._is_retried(order):
                    return order
            self._call_roll(orders)
            self._rest()

    def _is_retried(self, order: _Order) -> bool:
        from distributed import KilledWorker

        if order.attempt == ATTEMPTS or not isinstance(_error(order), KilledWorker):
            return False
        order.attempt, order.future = order.attempt + 1, self._submit(order.work)
        return True

    def _outcome(self, order: _Order) -> Any:
        from distributed import KilledWorker

        error = _error(order)
        if isinstance(error, KilledWorker):
            return BackendError(
                f"A task has ended its worker {ATTEMPTS * 4} times; the last was {error.last_worker.address}.",
                "Most likely memory did not suffice: give each worker more (--memory-limit), or start fewer of them.",
            )
        if error is None or isinstance(error, UncloudedError):
            return error or order.future.result()
        raise error

    def _rest(self) -> None:
        """Passes some time.

        Raises:
            Cancelled: The run was given up.
            BackendError: The scheduler is gone, or all workers for a time.
        """
        self._report.check_cancelled()
        self.meanwhile()
        if self._client.status != "running":
            raise BackendError(
                f"The connection to the scheduler {self._address} broke.", "Start the cluster and run the job again."
            )
        if self._accepted:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > PATIENCE_S:
            raise BackendError(
                f"The cluster {self._address} has had no worker for {PATIENCE_S:.0f} s.",
                f"Start workers: dask worker {self._address}",
            )
        time.sleep(POLL_S)

    def _call_roll(self, orders: list[_Order]) -> None:
        """Looks which workers there are, and what those have that came since the last look."""
        if time.monotonic() - self._looked < ROLL_S:
            return
        present: dict[str, Any] = self._client.scheduler_info()["workers"]
        stayed = {key: terms for key, terms in self._accepted.items() if self._badge in _resources(present, key)}
        self._refused = {key: error for key, error in self._refused.items() if key in present}
        new = [key for key in present if key not in stayed and key not in self._refused]
        self._accepted = stayed | self._greet(new, present)
        if (
            not stayed and self._accepted
        ):  # Dask gives a badge's tasks to those who come with it, not to those who get it
            for order in orders:
                if not order.future.done():
                    self._client.cancel([order.future], force=True)
                    order.future = self._submit(order.work)
        self._looked = time.monotonic()

    def _greet(self, addresses: list[str], present: dict[str, Any]) -> dict[str, Terms]:
        """Gives a badge to the workers that have what the jobs need; says which are refused, and why."""
        versions = self._ask(_version_asker(), addresses)
        same = [address for address, version in versions.items() if version == VERSION]
        shown = self._ask(partial(_show, self._jobs), same)
        accepted = {key: terms for key, terms in shown.items() if isinstance(terms, Terms) and terms == self._terms}
        for address, answer in (versions | shown).items():
            if address not in accepted and not isinstance(answer, OSError):  # who does not answer is asked again
                refusal = refusal_of(f"{present[address]['name']} ({address})", answer, self._terms)
                self._report.log("warning", f"{refusal.message} {refusal.hint}")
                self._refused[address] = refusal
        worn = self._ask(partial(_wear, self._badge), list(accepted))
        welcome = {address: accepted[address] for address, answer in worn.items() if answer is None}
        self._say_what_differs(welcome)
        return welcome

    def _ask(self, question: Callable[..., Any], addresses: list[str]) -> dict[str, Any]:
        """Gives what workers answer; an exception is an answer too."""
        if not addresses:
            return {}
        answers: dict[str, Any] = self._client.run(question, workers=addresses, on_error="return")
        return answers

    def _say_what_differs(self, welcome: dict[str, Terms]) -> None:
        kinds = {(terms.device, terms.instructions) for terms in (*self._accepted.values(), *welcome.values())}
        odd = [terms.threads for terms in welcome.values() if terms.threads & (terms.threads - 1)]
        if welcome and (len(kinds) > 1 or odd):
            listed = ", ".join(f"{device} {instructions}".strip() for device, instructions in sorted(kinds))
            reason = (
                f"some reckon with {odd[0]} threads, no power of two" if odd else f"they are of several kinds: {listed}"
            )
            self._report.log(
                "warning",
                f"Pixels may differ by one digital number from those of one machine: of the workers, {reason}.",
            )


def _error(order: _Order) -> Any:
    return order.future.exception() if order.future.status == "error" else None


def _resources(present: dict[str, Any], address: str) -> dict[str, float]:
    resources: dict[str, float] = present.get(address, {}).get("resources", {})
    return resources


def _version_asker() -> Callable[[], str]:
    """Gives a function that goes to a worker as code, since the package there may be another or none."""

    def version() -> str:
        import importlib

        found: str = importlib.import_module("unclouded.backend.version").VERSION
        return found

    return version


async def _show(jobs: list[RemoveClouds]) -> Terms:
    """Runs on a worker: gives what it has; loads the generator, which stays loaded."""
    return await asyncio.to_thread(terms_of, jobs)


async def _wear(badge: str, dask_worker: Worker) -> None:
    """Runs on a worker: lets it take one task with this badge at a time."""
    await dask_worker.set_resources(**{badge: 1})


def _do(work: _Work) -> Any:
    """Runs on a worker: a task."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def check() -> None:
        task = worker.state.tasks.get(key)
        if task is None or task.state not in ("executing", "long-running"):
            raise Cancelled

    return work.run(check)


@contextlib.contextmanager
def _crew(address: str, jobs: list[RemoveClouds], report: Reporter) -> Iterator[_Crew]:
    """Connects to a cluster, or starts one for this run, and gives those of its workers that can do the jobs."""
    _check_libraries()
    terms = Terms(
        VERSION, tuple({job.model: sha256_of(job.model) for job in jobs if job.method == "generator"}.items())
    )
    with _connected(address) as client:
        crew = _Crew(client, address, terms, jobs, report)
        crew.assemble()
        report.log("info", f"Cluster {address}: {crew.size} worker(s); dashboard at {client.dashboard_link}")
        yield crew


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Client]:
    from distributed import Client

    with contextlib.ExitStack() as stack:
        place: Any = address
        if address.split(":")[0] == "local":
            place = stack.enter_context(_local_cluster(_local_workers(address)))
        try:
            client = Client(place, timeout=CONNECT_S, set_as_default=False, direct_to_workers=place is not address)
        except (OSError, ValueError, TypeError) as error:
            raise BackendError(
                f"The scheduler {address} cannot be reached: {str(error) or type(error).__name__}.",
                "See that `dask scheduler` runs there and that its port is open; `local:2` starts workers here.",
            ) from error
        stack.callback(client.close, CONNECT_S)
        yield client


def _local_workers(address: str) -> int | None:
    count = address.partition(":")[2]
    if address != "local" and not (count.isdecimal() and int(count)):
        raise UsageError(
            f"{address!r} is no cluster.", "Give local, local:4 or the address of a scheduler: tcp://HOST:8786."
        )
    return int(count) if count else None


@contextlib.contextmanager
def _local_cluster(workers: int | None) -> Iterator[Any]:
    """Starts a scheduler and workers on this machine: each with a GPU of its own, or with its share of the cores."""
    from distributed import Nanny, Scheduler, SpecCluster

    gpus = _gpus()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = workers or len(gpus) or max(cores // 2, 1)
    threads = 1 << (max(cores // count, 1).bit_length() - 1)
    specs = {}
    for i in range(count):
        env = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        if gpus:
            env["CUDA_VISIBLE_DEVICES"] = gpus[i % len(gpus)]
        options = {"nthreads": 1, "env": env, "silence_logs": logging.CRITICAL, "host": "127.0.0.1"}
        options |= {"memory_limit": 1 / count, "dashboard": False}
        specs[i] = {"cls": Nanny, "options": options}
    scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}}
    with SpecCluster(workers=specs, scheduler=scheduler, silence_logs=logging.CRITICAL) as cluster:
        yield cluster


def _gpus() -> list[str]:
    """Gives the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return chosen.split(",")[:count] if chosen else [str(i) for i in range(count)]


def _check_libraries() -> None:
    if find_spec("distributed") is None:
        raise BackendError(
            "Clusters need a library that is not installed here: distributed.",
            f'Install it: {sys.executable} -m pip install "distributed>=2026.1" "bokeh>=3.1"',
        )
