#!/usr/bin/env python3
"""TensorFlow's bilinear resize without antialias, from small u8 pictures to small sizes, f32 and unrounded.

`tf.image.resize(method="bilinear", antialias=False)` with half-pixel centers: what a photo meets in the Keras flow.
Up, down, both at once, to one row or column, from one row, and to the same size. Written is
`tests/golden/tf_resize_small.safetensors`; tests/golden/README.md names its tensors.

usage: tf_resize.py [--out FOLDER]
needs: pip install tensorflow-cpu numpy safetensors
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from golden import FOLDER, write
from images import picture

# source (height, width) -> targets
CASES = {
    (23, 31): [(16, 16), (32, 32), (31, 23), (1, 9), (9, 1)],
    (50, 40): [(32, 32), (7, 11), (64, 33), (50, 40)],
    (1, 7): [(4, 4), (1, 7), (5, 16)],
    (7, 1): [(4, 4)],
    (1, 1): [(3, 2)],
    (97, 64): [(48, 48), (13, 17)],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER)
    args = parser.parse_args()
    out = {}
    for seed, ((height, width), targets) in enumerate(CASES.items()):
        source = picture(height, width, seed=5000 + seed)
        name = f"{height}x{width}"
        out[name] = source
        for target in targets:
            resized = tf.image.resize(source, target, method="bilinear", antialias=False).numpy()
            out[f"{name}_to_{target[0]}x{target[1]}"] = resized
    write(args.out / "tf_resize_small.safetensors", out, [tf, np])


if __name__ == "__main__":
    main()
