#!/usr/bin/env python3
"""Optimizer steps of a dense layer in Keras: what a head's kernel, bias and losses become.

Two problems, two classes (one logit, binary cross-entropy) and three (softmax, sparse categorical cross-entropy),
both losses from logits; four optimizers with Keras' default settings, SGD with momentum 0.9. Step s takes rows
8 (s mod 3) .. 8 (s mod 3) + 8 of 24, nine steps in all, no dropout; a loss is that of its batch before the step.
Written is `tests/golden/keras_head.safetensors`; tests/golden/README.md names its tensors.

usage: keras_head.py [--out FOLDER]
needs: pip install keras tensorflow-cpu numpy safetensors
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from golden import FOLDER, write

SAMPLES, FEATURES, BATCH, STEPS = 24, 16, 8, 9
# name: (classes, units, loss)
PROBLEMS = {
    "binary": (2, 1, keras.losses.BinaryCrossentropy(from_logits=True)),
    "three": (3, 3, keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
}
OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(),
    "adamw": lambda: keras.optimizers.AdamW(),
    "sgd": lambda: keras.optimizers.SGD(momentum=0.9),
    "rmsprop": lambda: keras.optimizers.RMSprop(),
}


def problem(classes, units, seed):
    """Features like pooled ReLU6 ones (0..6, many exactly 0), labels, and a Glorot uniform first kernel."""
    rng = np.random.default_rng(seed)
    x = np.clip(rng.normal(0.8, 1.2, (SAMPLES, FEATURES)), 0, 6).astype(np.float32)
    y = rng.integers(0, classes, SAMPLES)
    limit = np.sqrt(6 / (FEATURES + units))
    kernel = rng.uniform(-limit, limit, (FEATURES, units)).astype(np.float32)
    bias = rng.uniform(-0.1, 0.1, units).astype(np.float32)
    return {"x": x, "y": y.astype(np.int64), "kernel0": kernel, "bias0": bias}


def train(given, loss, optimizer):
    """Nine steps; losses, the first gradients, and what the layer holds at the end."""
    layer = keras.layers.Dense(given["kernel0"].shape[1])
    layer.build((None, FEATURES))
    layer.set_weights([given["kernel0"], given["bias0"]])
    losses, first = [], None
    for step in range(STEPS):
        rows = slice(BATCH * (step % 3), BATCH * (step % 3) + BATCH)
        x, y = given["x"][rows], given["y"][rows]
        with tf.GradientTape() as tape:
            value = loss(y[:, None], layer(x))
        variables = layer.trainable_variables
        gradients = tape.gradient(value, [v.value for v in variables])
        first = first or [g.numpy() for g in gradients]
        optimizer.apply(gradients, variables)
        losses.append(float(value))
    kernel, bias = layer.get_weights()
    end = {"losses": np.array(losses, np.float32), "kernel": kernel, "bias": bias}
    return end, {"d_kernel0": first[0], "d_bias0": first[1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER)
    args = parser.parse_args()
    out = {}
    for seed, (name, (classes, units, loss)) in enumerate(PROBLEMS.items()):
        given = problem(classes, units, seed=4000 + seed)
        for optimizer_name, make in OPTIMIZERS.items():
            end, gradients = train(given, loss, make())
            out |= {f"{name}/{optimizer_name}/{k}": v for k, v in end.items()}
        out |= {f"{name}/{k}": v for k, v in (given | gradients).items()}
        apart = np.abs(out[f"{name}/adam/kernel"] - out[f"{name}/adamw/kernel"]).max()
        print(f"{name}: Adam and AdamW end {apart:.1e} apart, first loss {out[f'{name}/adam/losses'][0]:.4f}")
    write(args.out / "keras_head.safetensors", out, [keras, tf, np])


if __name__ == "__main__":
    main()
