"""The commands of the model manager: `unclouded models ...`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from .errors import ModelError, UncloudedError
from .installed import DEFAULT_MODEL
from .model_jobs import (
    Checkpoint,
    DownloadModel,
    ImportModel,
    InspectCheckpoint,
    ListModels,
    Models,
    RemoveModel,
    VerifyModel,
)
from .options import BandList, execute
from .protocol import Message

INDEX_VARIABLE = "UNCLOUDED_MODEL_INDEX"

_json = click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines, for programs.")
_overwrite = click.option("--overwrite", is_flag=True, help="Replace an existing generator.")
_index = click.option(
    "--index",
    default="",
    envvar=INDEX_VARIABLE,
    metavar="URL|FOLDER",
    help=f"Index of models; {INDEX_VARIABLE} by default, else the one that comes along.",
)


@click.group()
def models() -> None:
    """List, download, import, verify, remove and publish generators."""


@models.command("list")
@_index
@_json
def list_models(index: str, as_json: bool) -> None:
    """List the generators that are here, and those that can be had."""

    def show(event: Message) -> None:
        if isinstance(event, Models):
            from .library.display import models_table

            _print(models_table(event.entries))

    _run(ListModels("1", index), as_json, show)


@models.command()
@click.argument("name")
@_index
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def show(name: str, index: str, as_json: bool) -> None:
    """Show the card of the generator NAME, here or in the index, or of a .safetensors file."""
    from .library.display import card_table

    try:
        entry = _card(name, index)
    except UncloudedError as error:
        _fail(error)
    if as_json:
        click.echo(json.dumps(entry))
    else:
        _print(card_table(entry))


@models.command()
@click.argument("name")
@_index
@_overwrite
@_json
def download(name: str, index: str, overwrite: bool, as_json: bool) -> None:
    """Get the generator NAME of the index; what is left of an earlier try is gone on with."""
    execute(DownloadModel("1", name, index, overwrite=overwrite), as_json)


@models.command("import")
@click.argument("checkpoint")
@click.option("--inspect", is_flag=True, help="Only show what it is and how it would be imported.")
@click.option("-o", "--output", metavar="MODEL.safetensors", help="The generator; into the user's folder by default.")
@click.option("--name", default="", help="Its name; from the file's by default.")
@click.option("--kind", default="", help="As --inspect names it, if the file does not tell.")
@click.option("--bands", type=BandList(), help="In the network's order; the kind's own by default.")
@click.option("--levels", type=BandList(), metavar="L1C,L2A", help="Processing levels that it was made for.")
@click.option(
    "--optical-range", type=float, nargs=2, metavar="LOW HIGH", help="What reflectance 0 and the limit become."
)
@click.option("--optical-limit", type=float, metavar="R", help="Reflectance that becomes HIGH; what is above is cut.")
@click.option("--sar-range", type=float, nargs=2, metavar="LOW HIGH", help="What the least and the most dB become.")
@click.option("--licence", default="", help="Under which it may be used.")
@click.option("--citation", default="", help="Of its paper.")
@_overwrite
@_json
def import_model(checkpoint: str, inspect: bool, as_json: bool, **options: Any) -> None:
    """Show what a foreign CHECKPOINT is and convert it into a generator; nothing in it is ever run."""
    if inspect or not as_json:
        from .console import run_job

        code = run_job(InspectCheckpoint("1", checkpoint), as_json, _show_checkpoint)
        if inspect or code:
            sys.exit(code)
    names = ("optical_range", "optical_limit", "sar_range")
    given = {key: options.pop(key) for key in names}
    choices = {
        key: list(value) if isinstance(value, tuple) else value for key, value in given.items() if value is not None
    }
    execute(ImportModel("1", checkpoint, choices=choices, **options), as_json)


@models.command()
@click.argument("model", metavar="NAME|FILE")
@_json
def verify(model: str, as_json: bool) -> None:
    """Hold a generator against its card: the hash of its weights, and its network."""
    execute(VerifyModel("1", model), as_json)


@models.command()
@click.argument("model", metavar="NAME|FILE")
@_json
def remove(model: str, as_json: bool) -> None:
    """Delete a generator of the user's folder, and what is left of downloads of it."""
    execute(RemoveModel("1", model), as_json)


@models.command("index")
@click.argument("folder")
def make_index(folder: str) -> None:
    """Write the index.json of a FOLDER of .safetensors, so that any web server or share that holds it serves them."""
    from .library.publish import write_index

    try:
        path, names = write_index(folder)
    except UncloudedError as error:
        _fail(error)
    click.echo(f"Wrote {path}: {', '.join(names)}")


def _card(name: str, index: str) -> dict[str, Any]:
    """Gives what is known of a generator; raises ModelError if nothing is."""
    from .console import run_job

    if name.endswith(".safetensors"):
        from .library.store import from_file

        return from_file(name)
    heard: list[dict[str, Any]] = []
    code = run_job(
        ListModels("1", index), False, lambda event: heard.extend(event.entries if isinstance(event, Models) else [])
    )
    if code:
        sys.exit(code)
    wanted = DEFAULT_MODEL if name == "default" else name
    found = next((entry for entry in heard if entry["name"] == wanted), None)
    if found is None:
        raise ModelError(
            f"There is no generator {name!r}, neither here nor in the index.",
            f"Known are {', '.join(entry['name'] for entry in heard)}.",
        )
    return found


def _show_checkpoint(event: Message) -> None:
    if isinstance(event, Checkpoint):
        from .library.display import checkpoint_table

        _print(checkpoint_table(event))


def _run(job: Any, as_json: bool, show: Callable[[Message], None]) -> NoReturn:
    """Runs a job, shows its answer, and leaves with its exit code."""
    from .console import run_job

    sys.exit(run_job(job, as_json, show))


def _print(table: Any) -> None:
    from .console import plain_console

    plain_console().print(table)


def _fail(error: UncloudedError) -> NoReturn:
    click.echo(f"Error: {error}", err=True)
    sys.exit(error.exit_code)
