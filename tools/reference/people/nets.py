"""Weights of MobileNetV2 in Keras' names that give features of sensible size: the starter's, or drawn ones.

Not a script: the others import it. needs: numpy, safetensors, and keras for widths other than 0.35
"""

import pathlib

import numpy as np
from safetensors.numpy import load_file, save_file

from .photos import draw

STARTER = pathlib.Path(__file__).resolve().parents[3] / "weights"


def starter():
    (file,) = STARTER.glob("starter_0.35_96.safetensors")
    return load_file(file)


def drawn(width, seed):
    """Random kernels; the statistics of each BatchNorm are those that photos give, so that no output saturates."""
    import keras

    model = keras.applications.MobileNetV2(input_shape=(96, 96, 3), alpha=width, include_top=False, weights=None)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        for variable in layer.weights:
            shape = tuple(variable.shape)
            if variable.name.endswith("kernel"):
                fan_in = np.prod(shape[:3]) if "depthwise" not in layer.name else 9
                variable.assign(rng.normal(0, np.sqrt(2 / fan_in), shape))
            elif variable.name == "gamma":
                variable.assign(rng.uniform(0.6, 1.4, shape))
            elif variable.name == "beta":
                variable.assign(rng.normal(0, 0.3, shape))
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    photos = np.stack([draw(96, 96, 900 + number) for number in range(12)])
    model(photos / np.float32(127.5) - np.float32(1), training=True)
    return {f"{layer.name}/{v.name}": np.array(v) for layer in model.layers for v in layer.weights}


def net(width, folder):
    """The weights of a width, made once and kept in a folder."""
    if width == 0.35:
        return starter()
    path = folder / f"net_{width}.safetensors"
    if not path.exists():
        save_file({n: np.ascontiguousarray(a, np.float32) for n, a in drawn(width, int(1000 * width)).items()}, path)
    return load_file(path)
