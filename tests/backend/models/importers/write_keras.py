"""Writes DSen2-CR as its authors do, with the real Keras: run as a script in a process of its own.

Usage: python write_keras.py FOLDER. For each variant it leaves NAME.h5 and NAME.npz: inputs and Keras's own prediction.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

os.environ["KERAS_BACKEND"] = "torch"

import keras
from keras import layers
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

BANDS, FEATURES, BLOCKS, SIDE = 13, 12, 16, 20


def network(sar: bool, mask: bool) -> Any:
    """The published graph, channels first: the variants for the cloud-adaptive loss append the input and a mask."""
    optical, radar = layers.Input((BANDS, SIDE, SIDE)), layers.Input((2, SIDE, SIDE))
    x = layers.Concatenate(axis=1)([optical, radar]) if sar else optical
    x = layers.Activation("relu")(convolution(FEATURES)(x))
    for _ in range(BLOCKS):
        inner = layers.Activation("relu")(convolution(FEATURES)(x))
        inner = layers.Lambda(lambda y: y * 0.1)(convolution(FEATURES)(inner))
        x = layers.Add()([x, inner])
    x = layers.Add()([convolution(BANDS)(x), optical])
    if mask:
        x = layers.Concatenate(axis=1)([x, optical])
        x = layers.Lambda(lambda y: keras.ops.concatenate([y, keras.ops.zeros_like(y[:, :1])], axis=1))(x)
    return keras.Model([optical, radar] if sar else optical, x)


def convolution(filters: int) -> Any:
    return layers.Conv2D(filters, (3, 3), kernel_initializer="he_uniform", bias_initializer="normal", padding="same")


def main(folder: Path) -> None:
    import h5py

    keras.utils.set_random_seed(0)
    keras.backend.set_image_data_format("channels_first")
    random = np.random.default_rng(0)
    optical = random.uniform(0, 5, (2, BANDS, SIDE, SIDE)).astype(np.float32)
    radar = random.uniform(0, 2, (2, 2, SIDE, SIDE)).astype(np.float32)
    for name, sar, mask in (("SARcarl", True, True), ("SARplain", True, False), ("noSARcarl", False, True)):
        model = network(sar, mask)
        model.save(folder / f"{name}.h5")
        output = model.predict([optical, radar] if sar else optical, verbose=0)
        inputs = np.concatenate([optical, radar], axis=1) if sar else optical
        np.savez(folder / f"{name}.npz", x=inputs, y=output[:, :BANDS])
        if name == "SARplain":
            model.save_weights(folder / "SARplain.weights.h5")
            with h5py.File(folder / "weights_only.h5", "w") as file:  # as Keras 2's save_weights
                save_weights_to_hdf5_group(file, model)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
