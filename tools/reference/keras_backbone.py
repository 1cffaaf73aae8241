#!/usr/bin/env python3
"""Whether Keras makes icecap's features of an exported backbone.

Loads the file of `icecap export MODEL --backbone FILE` into Keras' MobileNetV2, as docs/export.md says it, runs photos
through both and prints the largest difference of their pooled features. Photos go to `icecap extract` as PNG files of the
net's own size, so that decoding and resizing have no part in it.

usage: keras_backbone.py ICECAP BACKBONE.safetensors [--size PIXELS] [--photos N]
needs: pip install keras tensorflow-cpu numpy pillow safetensors
"""

import argparse
import os
import pathlib
import subprocess
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from PIL import Image
from safetensors.numpy import load_file

# What the last block puts out, by width.
WIDTHS = {112: 0.35, 160: 0.5, 240: 0.75, 320: 1.0, 416: 1.3, 448: 1.4}
BOUND = 1e-4

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("icecap")
parser.add_argument("backbone")
parser.add_argument("--size", type=int, default=160)
parser.add_argument("--photos", type=int, default=8)
options = parser.parse_args()

tensors = load_file(options.backbone)
side = options.size
net = keras.applications.MobileNetV2(
    input_shape=(side, side, 3), alpha=WIDTHS[tensors["Conv_1/kernel"].shape[2]], include_top=False, pooling="avg",
    weights=None)
left = set(tensors)
for layer in net.layers:
    for variable in layer.weights:
        name = f"{layer.name}/{variable.name}"
        variable.assign(tensors[name])
        left.discard(name)
assert not left, f"tensors without a layer: {sorted(left)}"

rng = np.random.default_rng(0)
with tempfile.TemporaryDirectory() as place:
    place = pathlib.Path(place)
    (place / "photos" / "one").mkdir(parents=True)
    photos = []
    for number in range(options.photos):
        # Smooth fields of color: noise alone would leave most features at zero.
        small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        photo = small.resize((side, side), Image.BICUBIC)
        photo.save(place / "photos" / "one" / f"{number:03}.png")
        photos.append(np.asarray(photo))
    out = place / "features.safetensors"
    subprocess.run(
        [options.icecap, "extract", place / "photos", "-o", out, "--weights", options.backbone, "--size", str(side),
         "--no-cache"],
        check=True, capture_output=True)
    ours = load_file(out)["features"]
pixels = keras.applications.mobilenet_v2.preprocess_input(np.stack(photos).astype(np.float32))
theirs = net(pixels, training=False).numpy()
difference = float(np.abs(ours - theirs).max())
print(f"{len(photos)} photos, features up to {np.abs(theirs).max():.3f}, largest difference {difference:.2e}")
if difference > BOUND:
    raise SystemExit(f"more than {BOUND}")
