"""What runs each job of the model manager: loaded with the first one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import InputError, ModelError, OutputError
from ..model_jobs import DownloadModel, ImportModel, InspectCheckpoint, ListModels, RemoveModel, VerifyModel
from ..protocol import Done
from ..reporting import Reporter
from ..userdata import user_models
from . import store
from .addresses import shown
from .download import SUFFIX, download
from .index import Index, read_index
from .transport import Network


def _inspect(job: InspectCheckpoint, report: Reporter) -> Done:
    from .importing import inspect_checkpoint

    return inspect_checkpoint(job, report)


def _import(job: ImportModel, report: Reporter) -> Done:
    from .importing import import_model

    return import_model(job, report)


def list_models(job: ListModels, report: Reporter) -> Done:
    """Says which generators there are; an index that cannot be read is a warning, since those here are there anyway."""
    index: Index | None = None
    try:
        index = read_index(job.index, Network(job.proxy, job.certificates), report)
    except (ModelError, InputError) as error:
        report.log("warning", f"{error} Only what is here is listed.")
    report.models(store.listing(index))
    return Done(job.id, "")


def download_model(job: DownloadModel, report: Reporter) -> Done:
    """Gets a generator of an index into the user's folder.

    Raises:
        ModelError: The index or the file cannot be had, or is refused.
        OutputError: There is one of this name, or it cannot be written.
        Cancelled: The job was given up.
    """
    network = Network(job.proxy, job.certificates)
    report.progress(0.0, "Reading the index")
    index = read_index(job.index, network, report)
    entry = index.find(job.name)
    if entry is None:
        names = [one.name for one in index.entries if one.file]
        raise ModelError(
            f"The index at {shown(index.address)} has no generator {job.name!r}; it has {', '.join(names) or 'none'}.",
            "Name one of them, or give another index.",
        )
    path = user_models() / f"{entry.name}{SUFFIX}"
    if path.exists() and not job.overwrite:
        raise OutputError(f"{path} exists already.", "Remove it before, or allow it to be replaced (--overwrite).")
    return Done(job.id, str(download(entry, index.addresses(entry), user_models(), network, report)))


def verify_model(job: VerifyModel, report: Reporter) -> Done:
    """Holds a generator against its card; raises ModelError where it does not agree."""
    report.progress(0.0, f"Verifying {job.model}")
    card = store.verify(job.model)
    report.log(
        "info", f"{card.name} {card.version} is whole: its weights have the hash of its card and fit its network."
    )
    return Done(job.id, "")


def remove_model(job: RemoveModel, report: Reporter) -> Done:
    """Deletes a generator of the user's folder; raises ModelError or OutputError where that cannot be."""
    for path in store.remove(job.model):
        report.log("info", f"Removed {path}")
    return Done(job.id, "")


RUNNERS: dict[type, Callable[[Any, Reporter], Done]] = {
    ListModels: list_models,
    DownloadModel: download_model,
    VerifyModel: verify_model,
    RemoveModel: remove_model,
    InspectCheckpoint: _inspect,
    ImportModel: _import,
}
