"""`python -m unclouded.backend.training RECIPE --out FOLDER`: trains a generator and writes it as `.safetensors`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import torch

from ..datasets.collection import data_root, load
from ..errors import UncloudedError
from .export import export
from .fit import Fit
from .recipe import read_recipe
from .validation import Validation


@click.command()
@click.argument("recipe")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the run.")
@click.option("--threads", default=1, show_default=True, help="Of the network: more only if cores are idle.")
@click.option("--workers", default=1, show_default=True, help="Processes that draw samples.")
def main(recipe: str, out: Path, threads: int, workers: int) -> None:
    """Trains the generator of RECIPE (a name, or a YAML file) on the places that UNCLOUDED_DATA holds.

    Started again with the same folder, it goes on from the last checkpoint.
    """
    try:
        torch.set_num_threads(threads)
        chosen, root = read_recipe(recipe), data_root()
        out.mkdir(parents=True, exist_ok=True)
        training = load(root, "train")
        validation = Validation(dataclasses.replace(load(root, "validation"), prior=training.prior))
        fit = Fit(chosen, training, validation, out)
        fit.run(workers)
        fit.averaged.widen(validation.widening(fit.averaged))
        export(chosen, fit.weights(), training, str(out / f"{chosen.name}.safetensors"))
    except UncloudedError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
