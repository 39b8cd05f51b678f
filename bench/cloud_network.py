"""Trains the network that finds clouds and shadows, in resources/detectors: `python bench/cloud_network.py -o FILE`.

For a figure on what it never saw, places are left out with --leave; one of validation may stand in for them (--also).
Otherwise it learns from the places of train of UNCLOUDED_DATA alone, and from none of validation. One thread and one
seed give the same weights again. The commands of the folds are in docs/cloud_masks.md; cloud_scores.py judges.
"""

from __future__ import annotations

import copy
import csv
import json
import time
from pathlib import Path

import click
import numpy as np
import torch
from cloud_data import NOT_CLOUD, UNKNOWN, read_ground, read_labelled
from cloud_samples import Sampler
from safetensors.torch import save
from torch import Tensor, nn

from unclouded.backend.datasets.collection import data_root
from unclouded.backend.mask_files import CLEAR, CLOUD, SHADOW
from unclouded.backend.models.cloud_unet import CloudUnet, Params
from unclouded.backend.network_detector import KEY

BATCH = {"drawn": 2, "cube": 4, "fields": 2, "pair": 2, "simulated": 6}
"""Samples of each kind in a step."""
RATE, WARM_UP, AVERAGE = 3e-3, 100, 0.995
CAUTION = 0.2
"""Share of the odds of cloud that is kept."""
KEPT = 500
"""Batches that are drawn; later steps take one of them, turned anew."""
EACH = 100
"""Steps of a line of the log."""


@click.command()
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True)
@click.option("--log", type=click.Path(path_type=Path), help="A CSV.")
@click.option("--leave", multiple=True, help="Beginning of the names of places that are not learned from.")
@click.option("--also", multiple=True, help="Beginning of the names of places of validation that are learned from.")
@click.option("--steps", default=2000, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True)
def main(
    output: Path, log: Path | None, leave: tuple[str, ...], also: tuple[str, ...], steps: int, seed: int, threads: int
) -> None:
    """Trains a network and writes its weights, averaged over the last steps."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    images = [
        image
        for image in read_labelled(data_root())
        if (image.split == "train" or image.name.startswith(also)) and not image.name.startswith(leave)
    ]
    kinds = {kind: [image for image in images if image.kind == kind] for kind in BATCH if kind != "simulated"}
    ground, chips, veils = read_ground(data_root())
    sampler = Sampler(kinds, ground, chips, veils)
    params = Params()
    network = CloudUnet(params).to(memory_format=torch.channels_last)
    average, rows = fit(network, sampler, steps, rng)
    facts = {
        "title": "Clear, cloud and shadow in blue, green, red and near infrared",
        "parameters": vars(params),
        "steps": steps,
        "seed": seed,
        "labelled": sorted({image.name for image in images}),
        "ground": sorted({image.name for image in ground} | {chip.name.partition("/")[0] for chip in chips}),
        "licence": "that of the data it was trained on, see labelled and ground",
    }
    cautious(average)
    stored = {key: value.half().contiguous() for key, value in average.state_dict().items()}
    output.write_bytes(save(stored, {KEY: json.dumps(facts, sort_keys=True)}))
    if log is not None:
        with log.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def fit(
    network: CloudUnet, sampler: Sampler, steps: int, rng: np.random.Generator
) -> tuple[CloudUnet, list[dict[str, float]]]:
    """Trains a network and gives its average over the last steps, and the lines of the log."""
    average = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    kept: list[tuple[Tensor, Tensor]] = []
    rows, losses, started = [], [], time.process_time()
    for step in range(1, steps + 1):
        channels, codes = batch(sampler, kept, rng)
        value = loss(network(channels), codes)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        share = 1 - min(AVERAGE, step / (step + 9))
        for mean, weight in zip(average.parameters(), network.parameters(), strict=True):
            mean.lerp_(weight.detach(), share)
        losses.append(value.item())
        if step % EACH == 0:
            rows.append({"step": step, "loss": round(float(np.mean(losses[-EACH:])), 5)})
            print(json.dumps(rows[-1] | {"processor_s": round(time.process_time() - started)}), flush=True)
    return average, rows


def cautious(network: CloudUnet) -> None:
    """Lowers the odds of cloud to CAUTION of what was learned: the rules stand beside the network."""
    with torch.no_grad():
        bias = network.head.spread.bias
        bias[4 * CLOUD : 4 * (CLOUD + 1)] += float(np.log(CAUTION))  # four pixels of each class, see blocks.Up


def rate(step: int, steps: int) -> float:
    """Share of the learning rate: a warm-up, then half a cosine down to a hundredth."""
    return min(1.0, (step + 1) / WARM_UP) * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * step / steps))))


def batch(sampler: Sampler, kept: list[tuple[Tensor, Tensor]], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draws a batch while few are kept, later one of those kept, in one of eight turns."""
    if len(kept) < KEPT:
        samples = [sampler.draw(kind, rng) for kind, count in BATCH.items() for _ in range(count)]
        drawn = tuple(torch.from_numpy(np.stack(parts)) for parts in zip(*samples, strict=True))
        kept.append((drawn[0], drawn[1]))
        chosen = kept[-1]
    else:
        chosen = kept[int(rng.integers(KEPT))]
    way = int(rng.integers(8))
    channels, codes = (torch.rot90(part, way % 4, (-2, -1)) for part in chosen)
    if way >= 4:
        channels, codes = channels.flip(-1), codes.flip(-1)
    return channels.contiguous(memory_format=torch.channels_last), codes


def loss(scores: Tensor, codes: Tensor) -> Tensor:
    """Mean negative log-likelihood of what is known: of the class, or of not being cloud.

    Args:
        scores: (N, 3, H, W)
        codes: (N, H, W)
    """
    likelihood = scores.log_softmax(dim=1)
    total = torch.logsumexp(likelihood[:, [CLEAR, SHADOW]], dim=1) * (codes == NOT_CLOUD)
    for code in (CLEAR, CLOUD, SHADOW):
        total = total + likelihood[:, code] * (codes == code)
    return -total.sum() / (codes != UNKNOWN).sum()


if __name__ == "__main__":
    main()
