"""The command `batch` from its options to its exit code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ..console import interruptible
from ..errors import BatchIncomplete, Cancelled, OutputError, UncloudedError
from . import job_file, report
from .display import Lines, Screen
from .manifest import Manifest
from .plan import Plan, Wishes, make
from .run import Run, Runner, in_turn, locked
from .scenes import Said

Order = Callable[[Manifest, Said], Plan]
"""Plans what was asked for."""


def run_batch(
    sources: Sequence[str],
    wishes: Wishes,
    converters: Mapping[str, job_file.Convert],
    show: Lines | Screen,
    dry_run: bool,
    command: str,
    cluster: str | None,
) -> int:
    """Plans a batch, runs it unless that is all, and says how it went.

    Args:
        sources: Job files, folders and patterns.
        wishes: What holds for all scenes.
        converters: What makes values of a job file's cells, by column.
        show: Prints.
        dry_run: Only plan.
        command: That was given, for the report.
        cluster: Address of the cluster that does it, or `local[:N]`; None for this process.

    Returns:
        The exit code, see errors.py.
    """
    order = partial(make, sources, wishes, converters)
    try:
        with interruptible() as interrupted:
            if dry_run:
                plan = _planned(order, Manifest(wishes.folder), show, interrupted)
                show.planned(plan, wishes.folder, is_dry=True)
                plan.check()
                return 0
            with locked(wishes.folder):
                return _work(order, wishes, show, command, _runner(cluster), interrupted)
    except UncloudedError as error:
        show.failed(error)
        return error.exit_code


def _planned(order: Order, manifest: Manifest, show: Lines | Screen, interrupted: Callable[[], bool]) -> Plan:
    with show.planning() as said:

        def stoppable(text: str, share: float) -> None:
            if interrupted():
                raise Cancelled
            said(text, share)

        return order(manifest, stoppable)


def _work(
    order: Order,
    wishes: Wishes,
    show: Lines | Screen,
    command: str,
    runner: Runner,
    interrupted: Callable[[], bool],
) -> int:
    manifest = Manifest(wishes.folder)
    plan = _planned(order, manifest, show, interrupted)
    _check_report(wishes, manifest)
    show.planned(plan, wishes.folder, is_dry=False)
    plan.check()
    with show.running(plan) as emit:
        run = Run(plan, manifest, emit, interrupted)
        stopped = _stopped(run, runner)
    results = run.results()
    show.ended(results, report.write(wishes.folder, results, command))
    if stopped is not None:
        raise stopped
    failed = sum(result.state == "failed" for result in results)
    if failed:
        raise BatchIncomplete(failed, len(results))
    return 0


def _runner(cluster: str | None) -> Runner:
    if cluster is None:
        return in_turn
    from ..cluster import remove_each

    return lambda jobs, report: remove_each(jobs, cluster, report)


def _stopped(run: Run, runner: Runner) -> UncloudedError | None:
    """Does what is due and gives what ended it early, if anything did."""
    try:
        run.go(runner)
    except Cancelled as error:
        error.hint = "What is finished is kept: run the same command again to go on."
        return error
    except UncloudedError as error:
        return error
    return None


def _check_report(wishes: Wishes, manifest: Manifest) -> None:
    """Raises OutputError if the report would replace a file of somebody else."""
    taken = [name for name in (report.PAGE, report.TABLE) if (wishes.folder / name).exists()]
    if taken and not manifest.exists and not wishes.fields.get("overwrite"):
        raise OutputError(
            f"{wishes.folder / taken[0]} exists and is not of this batch.",
            "Choose another folder, or allow overwriting (--overwrite).",
        )
