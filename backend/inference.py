"""The generator: windows of a scene in, reconstructed windows out. Arrays become tensors here and nowhere else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from .card import Card
from .devices import find_device, has_bfloat16, out_of_memory
from .encoding import decode, encode, read_encoding
from .errors import DeviceError, ModelError
from .installed import find_model
from .observation import Observation, Reconstruction
from .sampling import Moments, draw_latents
from .sensors import Float
from .tapering import blend

BATCH = {"cpu": 1, "cuda": 16, "mps": 4}

T = TypeVar("T", Observation, Float)


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
        """Puts the network on its device.

        Only that of layout `fusion` may reckon in bfloat16: it adds up its output in float32. Others put reflectance
        itself out, in -1..1 or so, and bfloat16 would leave a hundred tones of it, 0.002 apart.
        """
        import torch

        self.windows_at_once = BATCH[self.device.type]
        coarse = self._encoding.layout == "fusion" and not precise and has_bfloat16(self.device)
        self.dtype = torch.bfloat16 if coarse else torch.float32
        self._network.to(self.device, self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def batch_size(self) -> int:
        """Windows that are worth being handed over together: where each is many for the network, one."""
        return 1 if self.card.window_px else self.windows_at_once

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

    def _reconstruct(self, observations: list[Observation], latent: Float | None) -> list[Reconstruction]:
        if self.card.window_px:
            outputs: Iterable[Float] = (self._blended(observation, latent) for observation in observations)
        else:
            outputs = self._in_batches(observations, lambda batch: self._whole(batch, latent))
        return [
            decode(output, observation, self.card.bands, self._encoding, self._errors)
            for observation, output in zip(observations, outputs, strict=True)
        ]

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
        if self.card.window_px:
            return blend(self._encoded(seen), self.card.window_px, lambda windows: map(self._weigh, windows))
        height, width = seen.valid.shape
        return self._weigh(self._padded(self._encoded(seen)))[..., :height, :width]

    def _weigh(self, inputs: Float) -> Float:
        """Runs the attention of the network: (in_channels, H, W) -> (T, H, W)."""
        import torch

        from .models.frames import Attentive

        if not isinstance(self._network, Attentive):
            raise ModelError(f"The generator {self.card.name!r} weighs no dates.", "Choose one that does, as stgan.")
        with torch.inference_mode():
            weights = self._network.attention(torch.from_numpy(inputs[None]).to(self.device))
        array: Float = weights[0].float().cpu().numpy()
        return array

    def _whole(self, observations: Sequence[Observation], latent: Float | None) -> Float:
        """Runs whole windows: (N, out_channels, H, W)."""
        height, width = observations[0].valid.shape
        inputs = self._padded(np.stack([self._encoded(observation) for observation in observations]))
        return self._forward(inputs, latent)[..., :height, :width]

    def _padded(self, inputs: Float) -> Float:
        """Grows the last two axes to multiples of align_px."""
        after = [(0, 0)] * (inputs.ndim - 2) + [(0, -side % self.align_px) for side in inputs.shape[-2:]]
        return np.pad(inputs, after, mode="constant" if self.beyond_scene else "symmetric")

    def _blended(self, observation: Observation, latent: Float | None) -> Float:
        """Runs a window as many smaller ones: (out_channels, H, W)."""

        def run(windows: Sequence[Float]) -> Iterator[Float]:
            return self._in_batches(windows, lambda batch: self._forward(np.stack(batch), latent))

        return blend(self._encoded(observation), self.card.window_px, run)

    def _encoded(self, observation: Observation) -> Float:
        return encode(observation, self.card.bands, self._encoding)

    def _in_batches(self, windows: Sequence[T], run: Callable[[Sequence[T]], Float]) -> Iterator[Float]:
        """Yields what comes out for each window, run in batches that fit into memory."""
        done = 0
        while done < len(windows):
            batch = windows[done : done + self.windows_at_once]
            try:
                outputs = run(batch)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                self._halve(len(batch), batch[0])
                continue
            yield from outputs
            done += len(batch)

    def _halve(self, batch_size: int, window: Observation | Float) -> None:
        import torch

        if batch_size == 1:
            height, width = (window.valid if isinstance(window, Observation) else window).shape[-2:]
            raise DeviceError(
                f"{self.device} has not enough memory for one window of {width}x{height} px.",
                "Close other programs that use it, or choose another device.",
            )
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.windows_at_once = batch_size // 2

    def _forward(self, inputs: Float, latent: Float | None) -> Float:
        """Runs the network: (N, in_channels, H, W) -> (N, out_channels, H, W)."""
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(inputs).to(self.device)
            if latent is None:
                output = self._network(x)
            else:
                output = self._network(x, torch.from_numpy(latent).to(self.device).expand(len(x), -1))
        array: Float = output.float().cpu().numpy()
        return array


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
