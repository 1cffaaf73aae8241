#!/usr/bin/env python3
"""Tiny picture files of many kinds, and the RGB bytes that TensorFlow decodes from them.

Pillow writes the files (the 16-bit color PNG, which it cannot write, is put together here from its chunks);
`tf.image.decode_image(channels=3, expand_animations=False)` reads them. Written are the files in
`tests/golden/tf_decode/` and `pixels.safetensors` beside them; tests/golden/README.md lists them and says where
TensorFlow's answer and our written rule are meant to differ.

usage: tf_decode.py [--out FOLDER]
needs: pip install tensorflow-cpu numpy pillow safetensors
"""

import argparse
import os
import pathlib
import struct
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import PIL
import tensorflow as tf
from PIL import Image

from golden import FOLDER, write
from images import picture

HEIGHT, WIDTH = 29, 37  # odd, and no multiple of a JPEG block


def wide_png(rgb, low):
    """A 16-bit RGB PNG: high bytes from one picture, low bytes from another."""
    samples = (rgb.astype(np.uint16) << 8) | low
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def draw(folder):
    """Every file, from one picture and one map of opacity."""
    rgb = picture(HEIGHT, WIDTH, seed=6000)
    other = picture(HEIGHT, WIDTH, seed=6001)
    alpha = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    color, opacity = Image.fromarray(rgb), Image.fromarray(alpha)
    gray = color.convert("L")
    rgba = color.copy()
    rgba.putalpha(opacity)
    few = color.quantize(16)
    frames = [color.quantize(32), Image.fromarray(other).quantize(32)]

    color.save(folder / "rgb_420.jpg", quality=90, subsampling="4:2:0")
    color.save(folder / "rgb_444.jpg", quality=90, subsampling="4:4:4")
    color.save(folder / "rgb_422.jpg", quality=90, subsampling="4:2:2")
    color.save(folder / "rgb_progressive.jpg", quality=90, subsampling="4:2:0", progressive=True)
    gray.save(folder / "grey.jpg", quality=90)
    color.convert("CMYK").save(folder / "cmyk.jpg", quality=90)
    color.save(folder / "rgb.png")
    gray.save(folder / "grey.png")
    gray.point(lambda v: 255 * (v > 127)).convert("1").save(folder / "grey_1bit.png")
    few.save(folder / "palette.png")
    few.save(folder / "palette_transparent.png", transparency=3)
    rgba.save(folder / "rgba.png")
    Image.merge("LA", (gray, opacity)).save(folder / "grey_alpha.png")
    (folder / "rgb_16bit.png").write_bytes(wide_png(rgb, other))
    wide = (np.asarray(gray).astype(np.uint16) << 8) | other[..., 0]
    Image.fromarray(wide).save(folder / "grey_16bit.png")
    color.save(folder / "rgb.bmp")
    color.save(folder / "rgb_lossless.webp", lossless=True)
    frames[0].save(folder / "still.gif")
    frames[0].save(folder / "two_frames.gif", save_all=True, append_images=frames[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER)
    args = parser.parse_args()
    folder = args.out / "tf_decode"
    folder.mkdir(parents=True, exist_ok=True)
    draw(folder)
    out, refused = {}, []
    for path in sorted(p for p in folder.iterdir() if p.suffix != ".safetensors"):
        try:
            pixels = tf.image.decode_image(path.read_bytes(), channels=3, expand_animations=False).numpy()
        except tf.errors.InvalidArgumentError as error:
            refused.append(f"{path.name}: {str(error).splitlines()[0]}")
            continue
        assert pixels.shape == (HEIGHT, WIDTH, 3), f"{path.name} gives {pixels.shape}"
        out[path.name] = pixels
    for line in refused:
        print(f"TensorFlow refuses {line}")
    write(folder / "pixels.safetensors", out, [tf, np, PIL])


if __name__ == "__main__":
    main()
