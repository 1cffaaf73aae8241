#!/usr/bin/env python3
"""What TensorFlow's `decode_jpeg` makes of the JPEGs among the awkward photos, by the fast integer transform that it uses
unless told otherwise.

Reads `tests/golden/awkward_photos.safetensors` and writes `tests/golden/tf_fast_dct.tsv`: a line for each file that
TensorFlow decodes, with its name, rows x columns, and the SHA-256 of its RGB bytes as stored (TensorFlow turns nothing).

usage: tf_fast_dct.py [--out FOLDER]
needs: pip install numpy safetensors tensorflow
"""

import argparse
import hashlib
import pathlib

import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file

from golden import FOLDER


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER)
    out = parser.parse_args().out
    files = load_file(FOLDER / "awkward_photos.safetensors")
    shown = bytes(files["shown"]).decode()
    lines = [f"# TensorFlow {tf.__version__}, tools/reference/tf_fast_dct.py"]
    for name in (line.split("\t")[0] for line in shown.splitlines()):
        data = bytes(files[f"file {name}"])
        if not name.startswith("jpeg ") or "\trefused: " in next(
            line for line in shown.splitlines() if line.startswith(name + "\t")
        ):
            continue
        try:
            pixels = tf.io.decode_jpeg(data, channels=3).numpy()
        except tf.errors.InvalidArgumentError:
            continue
        height, width = pixels.shape[:2]
        lines.append(f"{name}\t{height}x{width}\t{hashlib.sha256(np.ascontiguousarray(pixels)).hexdigest()}")
    (out / "tf_fast_dct.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
