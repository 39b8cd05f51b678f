"""The passes over a scene, and whole scenes, as tasks on Dask distributed: the one file that knows it.

A task carries all that it needs but the images, the generator and this package, so it can be done again by any other
worker. Workers show what they have before they get one; those that have it are given a resource that the tasks ask for.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import hashlib
import logging
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from . import remote
from .errors import Cancelled, UncloudedError
from .portions import Check, SceneJob, Terms, as_asked, sha256_of, with_whole_paths
from .protocol import Done, Failed, Message, RemoveClouds, encode, failure
from .removal import remove
from .reporting import Reporter
from .version import VERSION

if TYPE_CHECKING:
    from distributed import Client, Future, Worker

CONNECT_S = 15
PATIENCE_S = 60.0
"""Time without any worker after which a run is given up."""
ROLL_S = 1.0
"""Between two looks at which workers there are."""
POLL_S = 0.1
TASKS_AHEAD = 2
"""For each worker: one that runs and one that waits for it."""
MOST_TASKS = 256
DEATHS = 4
"""Of workers with one task, after which Dask gives it up by default."""
MOST_DEATHS = 3 * DEATHS


def remove_on_cluster(job: RemoveClouds, report: Reporter) -> Done:
    """Runs a job whose passes are tasks of a cluster; the bytes are those of one machine.

    Raises:
        UncloudedError: The subclass says what is wrong; nothing is written then.
    """
    whole = with_whole_paths(job)
    with contextlib.ExitStack() as stack:
        engine = remote.RemoteEngine(lambda: stack.enter_context(gathered(job.cluster or "local", [whole], report)))
        return as_asked(remove(whole, report, engine), job)


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
    asked, hearing = {job.id: job for job in jobs}, remote.Hearing(report)
    with (
        gathered(address, [scene.job for scene in scenes], report) as crew,
        crew.subscribed(scenes[0].topic, hearing.take),
    ):
        crew.meanwhile = hearing.pass_on
        for scene, outcome in crew.run(scenes, in_order=False):
            hearing.pass_on()
            died = isinstance(outcome, UncloudedError)
            yield failure(scene.job.id, outcome) if died else as_asked(outcome, asked[scene.job.id])


@dataclass(frozen=True)
class _Scene:
    """A whole job as a task that sends its events home."""

    job: RemoveClouds
    topic: str

    def run(self, check: Check) -> Done | Failed:
        from distributed import get_worker

        worker = get_worker()

        def emit(event: Message) -> None:
            worker.log_event(self.topic, encode(event))

        return SceneJob(self.job).run(Reporter(self.job.id, emit, partial(remote.is_given_up, check)))


@dataclass(eq=False)
class _Order:
    """A task on its way."""

    work: Any
    """With a method `run` that takes a portions.Check."""
    future: Future[Any] = field(init=False)
    outcome: concurrent.futures.Future[Any] = field(init=False)
    deaths: int = 0
    """Of workers that had it, at least."""


class Crew:
    """The workers that take part in a run.

    Args:
        client: Connected.
        address: Of the scheduler, as people know it.
        terms: What a worker must have.
        jobs: From which it learns what it has.
        report: Hears of refusals, and may cancel.
        threads: One for each task on its way.
    """

    def __init__(
        self,
        client: Client,
        address: str,
        terms: Terms,
        jobs: list[RemoveClouds],
        report: Reporter,
        threads: concurrent.futures.Executor,
    ) -> None:
        self.meanwhile: Callable[[], None] = lambda: None
        self.batch_size = 1
        self._client, self._address, self._terms, self._jobs, self._report = client, address, terms, jobs, report
        asked = repr((terms.version, terms.generators, sorted({job.device for job in jobs})))
        self._badge = "unclouded-" + hashlib.sha256(asked.encode()).hexdigest()[:12]
        self._accepted: dict[str, Terms] = {}
        self._refused: dict[str, UncloudedError] = {}
        self._asked: set[str] = set()
        self._answers: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._threads = threads
        self._idle: set[Future[Any]] = set()
        self._looked = -ROLL_S
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
        while self._asked or not self._accepted:
            self._look_round([])
            if self._refused and not self._accepted and not self._asked:
                raise next(iter(self._refused.values()))
            time.sleep(POLL_S)
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
                room = min(TASKS_AHEAD * self.size, MOST_TASKS) - len(orders)
                orders += [self._send(_Order(piece)) for piece in islice(upcoming, max(room, 0))]
                if not orders:
                    return
                order = self._next(orders, in_order)
                orders.remove(order)
                died = order.deaths >= MOST_DEATHS
                yield order.work, remote.WorkersDied(MOST_DEATHS) if died else order.outcome.result()
        finally:
            with contextlib.suppress(OSError, RuntimeError):  # the scheduler is gone
                self._client.cancel([order.future for order in orders], force=True)

    @contextlib.contextmanager
    def subscribed(self, topic: str, hear: Callable[[Any], None]) -> Iterator[None]:
        """Hands over what workers log under a topic, in a thread of the client, as long as the context lasts."""
        self._client.subscribe_topic(topic, lambda event: hear(event[1]))
        try:
            yield
        finally:
            self._client.unsubscribe_topic(topic)

    def _send(self, order: _Order) -> _Order:
        """Submits a task, and waits in a thread for what becomes of it."""
        order.future = self._client.submit(_do, order.work, pure=False, resources={self._badge: 1})
        order.outcome = self._threads.submit(_fetch, order.future)
        return order

    def _next(self, orders: list[_Order], in_order: bool) -> _Order:
        """Waits for the first order, or for any; sends again what its workers have died with."""
        while True:
            awaited = orders[:1] if in_order else orders
            settled = [order for order in orders if order.outcome.done() and self._is_settled(order)]
            if ready := [order for order in awaited if order in settled]:
                return ready[0]
            concurrent.futures.wait([order.outcome for order in awaited], POLL_S, concurrent.futures.FIRST_COMPLETED)
            self._look_round(orders)

    def _is_settled(self, order: _Order) -> bool:
        if not isinstance(outcome := order.outcome.result(), remote.WorkersDied):
            return True
        order.deaths += outcome.times
        if order.deaths < MOST_DEATHS:
            self._send(order)
        return order.deaths >= MOST_DEATHS

    def _look_round(self, orders: list[_Order]) -> None:
        """Sees that there is a cluster, that somebody still wants its work, and who came.

        Raises:
            Cancelled: The run was given up.
            BackendError: The scheduler is gone, or all workers for a time.
        """
        self._report.check_cancelled()
        self.meanwhile()
        if time.monotonic() - self._looked > ROLL_S:
            try:
                self._call_roll(orders)
            except (OSError, asyncio.TimeoutError) as error:
                raise remote.SchedulerLost(self._address) from error
            self._looked = time.monotonic()
        if self._client.status != "running":
            raise remote.SchedulerLost(self._address)
        if self._accepted or self._asked:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > PATIENCE_S:
            raise remote.NobodyCame(self._address, PATIENCE_S)

    def _call_roll(self, orders: list[_Order]) -> None:
        """Looks which workers there are, what those have that came since the last look, and which tasks nobody has."""
        present: dict[str, Any] | None = self._client.scheduler_info(n_workers=-1).get("workers")
        if present is None:  # of a scheduler that is gone Dask gives what it knows by heart
            raise remote.SchedulerLost(self._address)
        wear = {key for key, worker in present.items() if self._badge in worker["resources"]}
        self._accepted = {key: terms for key, terms in self._accepted.items() if key in wear}
        self._refused = {key: error for key, error in self._refused.items() if key in present}
        self._hear_answers(present)
        for key in present.keys() - self._accepted.keys() - self._refused.keys() - self._asked:
            self._asked.add(key)
            threading.Thread(target=self._greet, args=(key,), daemon=True).start()
        if self._accepted:
            self._rescue(orders)

    def _rescue(self, orders: list[_Order]) -> None:
        """Takes back tasks that no worker had in two looks, for them to be sent again.

        What could be given to nobody when its worker died waits for someone who comes with a badge, not for one who
        gets it, so the scheduler itself may never come back to it.
        """
        held = {key for keys in self._client.processing().values() for key in keys}
        idle = {order.future for order in orders if order.future.key not in held and not order.future.done()}
        self._client.cancel([*idle & self._idle], force=True)
        self._idle = idle

    def _greet(self, address: str) -> None:
        """Looks what a worker has; in a thread, since Dask seeks one that has just died for half a minute."""

        def ask(question: Callable[..., Any]) -> Any:
            return self._client.run(question, workers=[address], on_error="return")[address]

        answer = remote.answer_of(ask, self._jobs, self._terms, partial(_wear, self._badge))
        self._answers.put((address, answer))

    def _hear_answers(self, present: dict[str, Any]) -> None:
        """Takes what workers have answered; says which are refused, and why."""
        while not self._answers.empty():
            address, answer = self._answers.get()
            self._asked.remove(address)
            if isinstance(answer, Terms) and answer == self._terms:
                self._accepted[address] = answer
                if difference := remote.difference_of([*self._accepted.values()]):
                    self._report.log("warning", difference)
            elif address in present and not isinstance(answer, OSError):  # who does not answer is asked again
                refusal = remote.refusal_of(f"{present[address]['name']} ({address})", answer, self._terms)
                self._report.log("warning", f"{refusal.message} {refusal.hint}")
                self._refused[address] = refusal


def _fetch(future: Future[Any]) -> Any:
    """Waits for the outcome of a task: what it gave, or an error that is a user's to mend."""
    from distributed import CancelledError, KilledWorker

    try:
        return future.result()
    except KilledWorker:
        return remote.WorkersDied(DEATHS)
    except CancelledError:
        return remote.WorkersDied(1)


async def _wear(badge: str, dask_worker: Worker) -> None:
    """Runs on a worker: lets it take one task with this badge at a time."""
    await dask_worker.set_resources(**{badge: 1})


def _do(work: Any) -> Any:
    """Runs on a worker: a task; gives its outcome."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def check() -> None:
        task = worker.state.tasks.get(key)
        if task is None or task.state not in ("executing", "long-running"):
            raise Cancelled

    try:
        return work.run(check)
    except UncloudedError as error:  # an outcome; what GDAL raised before it does not go from process to process
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)


@contextlib.contextmanager
def gathered(address: str, jobs: list[RemoveClouds], report: Reporter) -> Iterator[Crew]:
    """Connects to a cluster, or starts one for this run, and gives those of its workers that can do the jobs."""
    remote.check_libraries()
    hashes = {job.model: sha256_of(job.model) for job in jobs if job.method == "generator"}
    terms = Terms(VERSION, tuple(hashes.items()))
    with concurrent.futures.ThreadPoolExecutor(MOST_TASKS) as threads, _connected(address) as client:
        crew = Crew(client, address, terms, jobs, report, threads)
        crew.assemble()
        report.log("info", f"Cluster {address}: {crew.size} worker(s); dashboard at {client.dashboard_link}")
        yield crew


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Client]:
    from distributed import Client

    for name in ("distributed", "distributed.client"):  # what they log as tracebacks is said in a sentence here
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        is_local = address.split(":")[0] == "local"
        place: Any = stack.enter_context(_local_cluster(address)) if is_local else address
        try:
            if not is_local:
                asyncio.run(asyncio.wait_for(_greet_scheduler(address), CONNECT_S))
            client = Client(place, timeout=CONNECT_S, set_as_default=False, direct_to_workers=is_local)
        except (OSError, ValueError, TypeError, asyncio.TimeoutError) as error:
            raise remote.Unreachable(address, error) from error
        stack.callback(client.close, CONNECT_S)
        yield client


async def _greet_scheduler(address: str) -> None:
    """Sees that a scheduler answers: a Client waits for ever for whatever else holds the port."""
    from distributed import Security, rpc

    async with rpc(address, connection_args=Security().get_connection_args("client")) as found:
        kind = (await found.identity())["type"]
    if kind != "Scheduler":
        raise ValueError(f"a {kind.lower()} answers there")


@contextlib.contextmanager
def _local_cluster(address: str) -> Iterator[Any]:
    """Starts a scheduler and workers on this machine."""
    from distributed import Nanny, Scheduler, SpecCluster

    shares = remote.local_shares(address)
    options = {"nthreads": 1, "memory_limit": 1 / len(shares), "host": "127.0.0.1", "silence_logs": logging.CRITICAL}
    options |= {"preload": remote.DEAF_TO_CTRL_C}
    workers = {i: {"cls": Nanny, "options": options | {"env": share}} for i, share in enumerate(shares)}
    scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}}
    with SpecCluster(workers=workers, scheduler=scheduler, silence_logs=logging.CRITICAL) as cluster:
        try:
            yield cluster
        finally:
            for nanny in cluster.workers.values():  # a polite end would wait for the tasks of a run that was cancelled
                nanny.auto_restart = False
                with contextlib.suppress(ProcessLookupError, TypeError):  # it has none at the moment
                    os.kill(nanny.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
