#!/usr/bin/env python3
"""Weight files as Keras writes them, of one net whose weights a safetensors file gives in Keras' names.

Of the net alone (`plain`), with its classification top where the file has one, and of what a user makes of it: the
net nested in a model of GlobalAveragePooling2D, Dropout and Dense(1) (`binary`) or Dense(5) (`five`), the dense layer
random. Each in the four ways that Keras has: `.legacy.h5`, weights alone as Keras 2 laid them out; `.h5`, a whole
model; `.weights.h5`; `.keras`. `binary` is compiled and has taken one step, so that its files hold an optimizer too.
Beside them `net.safetensors` is the file that was given and `heads.safetensors` holds the dense layers. The files are large and not kept.

usage: keras_weights.py WEIGHTS FOLDER [--size PIXELS]
needs: pip install keras tensorflow-cpu h5py numpy safetensors
"""

import argparse
import os
import pathlib
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import h5py
import keras
import numpy as np
from keras.src.legacy.saving import legacy_h5_format
from safetensors.numpy import load_file, save_file

# What the last block puts out, by width.
WIDTHS = {112: 0.35, 160: 0.5, 240: 0.75, 320: 1.0, 416: 1.3, 448: 1.4}


def backbone(size, tensors):
    """MobileNetV2 with the weights of the file. Every array must be in it, and no other."""
    classes = tensors["predictions/bias"].shape[0] if "predictions/bias" in tensors else None
    model = keras.applications.MobileNetV2(
        input_shape=(size, size, 3),
        alpha=WIDTHS[tensors["Conv_1/kernel"].shape[2]],
        include_top=classes is not None,
        classes=classes or 1000,
        weights=None,
    )
    left = set(tensors)
    for layer in model.layers:
        for variable in layer.weights:
            name = f"{layer.name}/{variable.name}"
            variable.assign(tensors[name])
            left.discard(name)
    assert not left, f"tensors without a layer: {sorted(left)}"
    return model


def classifier(size, tensors, units, nested):
    """A user's model on the frozen net: as one layer of it, or with the net's layers among its own."""
    base = backbone(size, {name: array for name, array in tensors.items() if not name.startswith("predictions/")})
    base.trainable = False
    inputs = keras.Input((size, size, 3)) if nested else base.input
    x = base(inputs, training=False) if nested else base.output
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.2)(x)
    return keras.Model(inputs, keras.layers.Dense(units)(x))


def dense(model):
    """The model's own dense layer: kernel and bias."""
    return model.layers[-1].get_weights()


def save(model, folder, name):
    """The four files of a model."""
    with h5py.File(folder / f"{name}.legacy.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    model.save(folder / f"{name}.h5")
    model.save_weights(folder / f"{name}.weights.h5")
    model.save(folder / f"{name}.keras")
    for path in sorted(folder.glob(f"{name}.*")):
        print(f"{path.name}: {path.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--size", type=int, default=96)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    tensors = load_file(given.weights)
    keras.utils.set_random_seed(1)
    heads = {}
    save(backbone(given.size, tensors), given.folder, "plain")
    for name, units, nested in [("binary", 1, True), ("five", 5, True), ("five_flat", 5, False)]:
        keras.backend.clear_session()
        model = classifier(given.size, tensors, units, nested)
        if name == "binary":
            model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
            pixels = np.random.default_rng(1).uniform(-1, 1, (4, given.size, given.size, 3)).astype(np.float32)
            model.train_on_batch(pixels, np.array([0, 1, 0, 1]))
        save(model, given.folder, name)
        heads[f"{name}/kernel"], heads[f"{name}/bias"] = dense(model)
    shutil.copyfile(given.weights, given.folder / "net.safetensors")
    save_file(heads, given.folder / "heads.safetensors")


if __name__ == "__main__":
    main()
