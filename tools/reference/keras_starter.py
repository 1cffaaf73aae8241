#!/usr/bin/env python3
"""What Keras computes with the starter backbone: features, pooled features, and every layer of one small picture.

The net is `keras.applications.MobileNetV2(alpha=0.35, include_top=False, weights=None)`, its weights set from
`weights/starter_0.35_96.safetensors` by layer name; pixels enter as x / 127.5 - 1. Written are
`tests/golden/keras_starter.safetensors` and `tests/golden/keras_starter_trace.safetensors`; tests/golden/README.md
names their tensors. The script also prints how far Keras itself, in f32, stands from the same net in f64: no test
can ask for less than that.

usage: keras_starter.py [--weights FILE] [--out FOLDER]
needs: pip install keras tensorflow-cpu numpy safetensors
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file

from golden import FOLDER, ROOT, write
from images import picture, pictures

ALPHA = 0.35
# (pictures, height, width): the starter's own size, one that is not square, odd sides, and the smallest.
SIZES = [(2, 96, 96), (1, 64, 80), (1, 49, 67), (2, 33, 32)]
# Odd and even sides on the way down: 33 17 9 5 3 2 and 36 18 9 5 3 2, so both paddings of stride 2 occur.
TRACE = (33, 36)


def build(height, width, tensors, dtype="float32"):
    """MobileNetV2 for one input size, with the weights of the file. Every array must be in it, and no other."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    model = keras.applications.MobileNetV2(
        input_shape=(height, width, 3), alpha=ALPHA, include_top=False, weights=None
    )
    left = set(tensors)
    for layer in model.layers:
        for variable in layer.weights:
            name = f"{layer.name}/{variable.name}"
            variable.assign(tensors[name].astype(dtype))
            left.discard(name)
    assert not left, f"tensors without a layer: {sorted(left)}"
    return model


def run(model, pixels):
    """Features and pooled features of pixels in 0..255, always with inference statistics."""
    x = keras.applications.mobilenet_v2.preprocess_input(pixels.astype(keras.config.floatx()))
    features = model(x, training=False)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    return features.numpy(), pooled.numpy()


def spread(name, single, double):
    """One line: the distance of f32 from f64."""
    d = np.abs(single.astype(np.float64) - double)
    print(f"{name:24} f32 against f64: max {d.max():.2e}  mean {d.mean():.2e}  values up to {np.abs(double).max():.2f}")


def features_file(tensors):
    """Features at every size, and once from pixels that a resize left between gray levels."""
    out = {}
    for n, height, width in SIZES:
        size = f"{height}x{width}"
        out[f"images_{size}"] = pictures(n, height, width, seed=1000 + height)
    source = picture(61, 45, seed=2000)
    out["source_unrounded"] = source[None]
    out["pixels_unrounded"] = tf.image.resize(source, (64, 64), method="bilinear", antialias=False).numpy()[None]
    inputs = {k.split("_")[1]: v for k, v in out.items() if not k.startswith("source")}
    exact = {}
    for dtype in ("float64", "float32"):
        for key, pixels in inputs.items():
            model = build(pixels.shape[1], pixels.shape[2], tensors, dtype)
            features, pooled = run(model, pixels)
            if dtype == "float64":
                exact[key] = features
            else:
                spread(f"features_{key}", features, exact[key])
                out[f"features_{key}"], out[f"pooled_{key}"] = features, pooled
    return out


def trace_file(tensors):
    """Every ReLU, project_BN and add output of one picture, by Keras' layer name."""
    height, width = TRACE
    image = pictures(1, height, width, seed=3000)
    found = {}
    for dtype in ("float64", "float32"):
        model = build(height, width, tensors, dtype)
        names = [l.name for l in model.layers if l.name.endswith(("_relu", "_project_BN", "_add"))]
        tap = keras.Model(model.input, [model.get_layer(n).output for n in names])
        x = keras.applications.mobilenet_v2.preprocess_input(image.astype(dtype))
        found[dtype] = dict(zip(names, (t.numpy() for t in tap(x, training=False))))
    single = {n: found["float32"][n] for n in names}
    worst = max(names, key=lambda n: np.abs(single[n] - found["float64"][n]).max())
    spread(f"trace: {worst}", single[worst], found["float64"][worst])
    return {"images": image, **single}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=pathlib.Path, default=ROOT / "weights/starter_0.35_96.safetensors")
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER)
    args = parser.parse_args()
    tensors = load_file(args.weights)
    for name, make in (("keras_starter", features_file), ("keras_starter_trace", trace_file)):
        write(args.out / f"{name}.safetensors", make(tensors), [keras, tf, np])


if __name__ == "__main__":
    main()
