"""The generator: windows of a scene in, reconstructed windows out. Arrays become tensors here and nowhere else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from .card import Card
from .channels import channels, decode, gather
from .devices import Memory, find_device, is_faster_in, out_of_memory
from .encoding import read_encoding
from .errors import DeviceError, ModelError
from .installed import find_model
from .observation import Observation, Reconstruction
from .sampling import Moments, draw_latents
from .sensors import Float
from .tapering import blend, mirrored
from .transfer import Download, Transfer, one_behind

if TYPE_CHECKING:
    from torch import Tensor

    from .models.network import Network

PIXELS_AT_ONCE = {"cpu": 1, "cuda": 2**19, "mps": 2**18}
"""Pixels that keep a device busy; at least one window goes through at a time."""
PROBE_PX = 64
COARSENESS = 2e-3
"""Of its change of the image is the most that a network in 16 bits may differ (root mean square): a fiftieth of its own
error, which is about a tenth of the change."""

T = TypeVar("T")
R = TypeVar("R")
Size = tuple[int, ...]
"""Height and width of a window, then what else makes it large."""
Made = tuple["Tensor", "Tensor | None"]
"""Reflectance of a window and its standard error, (C, H, W) each, on the device."""


@lru_cache(maxsize=1)
def _load(path: str, changed_ns: int, device: str) -> Generator:
    return Generator(path, device)


def load_generator(model: str, device: str, samples: int = 1, seed: int = 0) -> Generator:
    """Gives a generator; the network of the last call, if that is the same, stays loaded between jobs.

    Raises:
        ModelError: The generator cannot be loaded.
        DeviceError: The device does not exist here.
        UsageError: It cannot draw so many samples.
    """
    path = find_model(model)
    if not Path(path).is_file():
        raise ModelError(f"There is no generator {path}.", "Give the path of a .safetensors file.")
    return _load(path, Path(path).stat().st_mtime_ns, device).drawing(samples, seed)


class Generator:
    """A network as a method (see observation.Method).

    Args:
        model: The name of an installed generator, `default`, or the path of a `.safetensors`.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        precise: Reckon in float32 throughout, also where bfloat16 would be faster.

    Raises:
        ModelError: The generator cannot be loaded.
        DeviceError: The device does not exist here.
    """

    def __init__(self, model: str = "default", device: str = "auto", precise: bool = False) -> None:
        from .models import weights

        self.device = find_device(device)
        self.card, self._network = weights.load(find_model(model))
        self._encoding = read_encoding(self.card.encoding)
        self._check_network()
        self._errors = np.array([self.card.errors.get(name, np.nan) for name in self.card.bands], np.float32)
        self._latents = draw_latents(self.card.name, self._network.latent, 1, 0)
        self._lay_out()
        self._place(precise)
        self._transfer, self._memory = Transfer(self.device), Memory(self.device)

    def _check_network(self) -> None:
        card, network, bands = self.card, self._network, len(self.card.bands)
        made = bands if self._encoding.output == "image" else 2 * bands
        if (self._encoding.in_channels(bands), made) != (network.in_channels, network.out_channels):
            raise ModelError(
                f"The card of {card.name!r} makes {self._encoding.in_channels(bands)} channels and takes {made}; its "
                f"network takes {network.in_channels} and makes {network.out_channels}.",
                "Export the generator again.",
            )
        if network.radius_px is None and not card.window_px:
            raise ModelError(
                f"The network of {card.name!r} sees all of its window, and its card does not say how large that is.",
                "Export the generator again, with window_px.",
            )

    def _lay_out(self) -> None:
        """Says how the scene is to be cut into tiles: small ones of blended windows would be mostly context."""
        card, step_px = self.card, self.card.window_px // 2
        self.overlap_px = step_px or card.overlap_px
        self.align_px = step_px or card.align_px
        self.tile_px = max(card.tile_px, 4 * step_px)
        self.beyond_scene = self._encoding.layout == "fusion"  # the only one that can say that nothing was measured

    def _place(self, precise: bool) -> None:
        """Puts the network on its device, in 16 bits where that is faster and does no harm."""
        import torch

        window_px = self.card.window_px or self.tile_px + 2 * self.overlap_px
        self.windows_at_once = max(1, PIXELS_AT_ONCE[self.device.type] // window_px**2)
        self.dtype = torch.float32
        kind = self._network.coarse
        fine = self._network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if precise or kind is None or not is_faster_in(kind, self.device):
            return
        coarse = copy.deepcopy(fine).to(dtype=getattr(torch, kind))
        if kind == "bfloat16" or self._agree(fine, coarse):
            self._network, self.dtype = coarse, getattr(torch, kind)

    def _agree(self, fine: Network, coarse: Network) -> bool:
        """Whether a network in float16, whose numbers end at 65504, changes an image as the same in float32 does."""
        import torch

        side_px = -(-PROBE_PX // self.card.align_px) * self.card.align_px
        low, high = self._encoding.optical_range
        random = torch.rand((1, fine.in_channels, side_px, side_px), generator=torch.Generator().manual_seed(0))
        seen = (low + (high - low) * random).to(self.device)
        with torch.inference_mode():
            wanted, made = fine(seen), coarse(seen)
        change = wanted - seen[:, : fine.out_channels]
        return bool((made - wanted).square().mean() <= COARSENESS**2 * change.square().mean())

    @property
    def batch_size(self) -> int:
        """Windows that are worth being handed over together: some compute while others come and go."""
        if self.device.type == "cpu":
            return 1
        return 2 if self.card.window_px else 4 * self.windows_at_once

    @property
    def draws(self) -> bool:
        """Whether there are several reconstructions of the same window."""
        return self._network.latent > 0

    def drawing(self, samples: int, seed: int) -> Generator:
        """Gives this generator so that it draws so many reconstructions from a seed and averages them.

        Raises:
            UsageError: It always gives the same one, or the numbers make no sense.
        """
        other = copy.copy(self)
        other._latents = draw_latents(self.card.name, self._network.latent, samples, seed)
        return other

    def bands_without_uncertainty(self, bands: Sequence[str]) -> list[str]:
        """Gives those of a scene's bands whose error nobody knows: their uncertainty is NaN."""
        if self._encoding.output != "image" or len(self._latents) > 1:
            return []
        known = [name for name in bands if name in self.card.bands]
        return [name for name in known if not np.isfinite(self.card.errors.get(name, np.nan))]

    def __call__(self, observations: list[Observation]) -> list[Reconstruction]:
        """Reconstructs windows of equal size, in smaller batches where memory does not suffice.

        Several samples become their mean, and their standard deviation the uncertainty.

        Raises:
            ModelError: The generator lacks a band of the scene, or needs something that the scene lacks.
            DeviceError: Not even one window fits into memory.
        """
        for seen in observations:
            check_fit(self.card, seen.bands, seen.level, seen.sar is not None, seen.dates is not None)
        if len(self._latents) == 1:
            return self._reconstruct(observations, self._latents[0])
        moments = [Moments() for _ in observations]
        for latent in self._latents:
            for one, sample in zip(moments, self._reconstruct(observations, latent), strict=True):
                one.add(sample)
        return [one.result() for one in moments]

    def _reconstruct(self, observations: Sequence[Observation], latent: Float | None) -> list[Reconstruction]:
        arrived = one_behind(self._started(observations, latent))
        return [
            Reconstruction(reflectance, errors[0] if errors else self._constant_errors(seen))
            for seen, (reflectance, *errors) in zip(observations, arrived, strict=True)
        ]

    def _constant_errors(self, seen: Observation) -> Float:
        known = self._errors[self._slots(seen)][:, None, None]
        constant: Float = np.broadcast_to(known, (len(seen.bands), *seen.valid.shape))
        return constant

    def _started(self, observations: Sequence[Observation], latent: Float | None) -> Iterator[Download]:
        """Yields the reflectance of each window, and its standard error if the network gives one, on their way."""
        if self.card.window_px:
            made: Iterator[Made] = (self._blended(observation, latent) for observation in observations)
        else:
            made = self._in_batches(observations, _size_of, lambda batch: self._whole(batch, latent))
        for tensors in made:
            yield self._transfer.download([tensor for tensor in tensors if tensor is not None])

    @property
    def weighs_dates(self) -> bool:
        """Whether it can say how much of each date it takes in each pixel: see attention."""
        from .models.frames import Attentive

        return isinstance(self._network, Attentive)

    def attention(self, observation: Observation) -> Float:
        """Gives how much of the image (the first) and of each other date is taken: (T, H, W) in 0..1, in sum 1.

        Raises:
            ModelError: The generator weighs no dates, or the observation lacks something that it needs.
        """
        seen = observation
        check_fit(self.card, seen.bands, seen.level, seen.sar is not None, seen.dates is not None)
        import torch

        with torch.inference_mode():
            if self.card.window_px:
                weights = blend(self._encoded(seen), self.card.window_px, lambda windows: map(self._weigh, windows))
            else:
                height, width = seen.valid.shape
                weights = self._weigh(self._padded(self._encoded(seen)))[..., :height, :width]
        return self._transfer.download([weights]).result()[0]

    def _weigh(self, inputs: Tensor) -> Tensor:
        """Runs the attention of the network: (in_channels, H, W) -> (T, H, W)."""
        from .models.frames import Attentive

        if not isinstance(self._network, Attentive):
            raise ModelError(f"The generator {self.card.name!r} weighs no dates.", "Choose one that does, as stgan.")
        return self._network.attention(inputs[None])[0].float()

    def _whole(self, observations: Sequence[Observation], latent: Float | None) -> list[Made]:
        """Runs whole windows of equal size."""
        import torch

        height, width = observations[0].valid.shape
        with torch.inference_mode():
            inputs = torch.stack([self._padded(self._encoded(observation)) for observation in observations])
            outputs = self._forward(inputs, latent)[..., :height, :width]
            return [self._decoded(*pair) for pair in zip(outputs, observations, strict=True)]

    def _blended(self, observation: Observation, latent: Float | None) -> Made:
        """Runs a window as many smaller ones."""
        import torch

        def run(windows: Sequence[Tensor]) -> Iterator[Tensor]:
            return self._in_batches(
                windows, lambda one: one.shape[1:], lambda batch: list(self._forward(torch.stack(list(batch)), latent))
            )

        with torch.inference_mode():
            return self._decoded(blend(self._encoded(observation), self.card.window_px, run), observation)

    def _encoded(self, observation: Observation) -> Tensor:
        """Makes the channels of a window on the device: (in_channels, H, W)."""
        sent = self._transfer.upload(gather(observation, self._encoding))
        return channels(sent, observation, self.card.bands, self._encoding)

    def _padded(self, inputs: Tensor) -> Tensor:
        """Grows the last two axes to multiples of align_px."""
        from torch.nn.functional import pad

        down, right = (-side % self.align_px for side in inputs.shape[-2:])
        return pad(inputs, (0, right, 0, down)) if self.beyond_scene else mirrored(inputs, down, right)

    def _decoded(self, output: Tensor, observation: Observation) -> Made:
        return decode(output, self._slots(observation), len(self.card.bands), self._encoding)

    def _slots(self, observation: Observation) -> list[int]:
        return [self.card.bands.index(name) for name in observation.bands]

    def _forward(self, inputs: Tensor, latent: Float | None) -> Tensor:
        """Runs the network: (N, in_channels, H, W) -> (N, out_channels, H, W) float32."""
        import torch

        if latent is None:
            return self._network(inputs).float()  # type: ignore[no-any-return]
        z = torch.from_numpy(latent).to(self.device).expand(len(inputs), -1)
        return self._network(inputs, z).float()  # type: ignore[no-any-return]

    def _in_batches(
        self, windows: Sequence[T], size: Callable[[T], Size], run: Callable[[Sequence[T]], Sequence[R]]
    ) -> Iterator[R]:
        """Yields what comes out for each window, run in batches that fit into memory."""
        done = 0
        while done < len(windows):
            needs = size(windows[done])
            batch = windows[done : done + self._memory.fitting(needs, self.windows_at_once)]
            outputs = self._tried(batch, needs, run)
            if outputs is None:
                self._halve(len(batch), needs)
                continue
            yield from outputs
            done += len(batch)

    def _tried(self, batch: Sequence[T], size: Size, run: Callable[[Sequence[T]], Sequence[R]]) -> Sequence[R] | None:
        """Runs a batch; None if memory does not suffice, all that it took being free again."""
        try:
            with self._memory.measuring(size):
                return run(batch)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            return None

    def _halve(self, batch_size: int, size: Size) -> None:
        if batch_size == 1:
            raise DeviceError(
                f"{self.device} has not enough memory for one window of {size[1]}x{size[0]} px.",
                "Close other programs that use it, or choose another device.",
            )
        self._memory.release()
        self.windows_at_once = batch_size // 2


def _size_of(seen: Observation) -> Size:
    height, width = seen.valid.shape
    return height, width, 0 if seen.days is None else len(seen.days)


def check_fit(card: Card, bands: Sequence[str], level: str, sar: bool, dates: bool) -> None:
    """Holds what is known of a scene against what a generator needs.

    Args:
        card: Of the generator.
        bands: Of the scene.
        level: Of the scene, `L1C` or `L2A`.
        sar: Whether there is Sentinel-1.
        dates: Whether there are other dates.

    Raises:
        ModelError: The scene lacks something that the generator needs.
    """
    encoding = read_encoding(card.encoding)
    needs = card.bands if encoding.layout == "frames" else card.required_bands
    missing = [name for name in needs if name not in bands]
    lacks = {
        "band(s) " + ", ".join(missing): bool(missing),
        "Sentinel-1": (card.sar == "required" or encoding.sar_range is not None) and not sar,
        "other dates": card.dates == "required" and not dates,
        f"level {' or '.join(card.levels)} (this is {level})": level not in card.levels,
    }
    needed = [what for what, absent in lacks.items() if absent]
    if needed:
        raise ModelError(
            f"The generator {card.name!r} needs {'; '.join(needed)}.", "Give them, or choose another generator."
        )
