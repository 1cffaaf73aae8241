"""What the tests share: the program to compare with, and what it has drawn, trained and said."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib
from pathlib import Path

import numpy as np

PROGRAM = os.environ.get("ICECAP_TEST_BINARY", "")


@functools.cache
def folder() -> Path:
    """A folder for this process."""
    path = Path(tempfile.mkdtemp(prefix="icecap-python-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    os.environ["ICECAP_CACHE"] = str(path / "cache")
    return path


def run(*arguments: object) -> str:
    """What the program prints."""
    if not PROGRAM:
        raise unittest.SkipTest("ICECAP_TEST_BINARY names no program to compare with")
    folder()
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8")
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: {done.stderr}")
    return done.stdout


@functools.cache
def demo() -> Path:
    """A run on drawn photos, with its model."""
    run("demo", "--out", folder() / "demo", "--quiet")
    return folder() / "demo"


def model() -> Path:
    """The model of the drawn photos."""
    return demo() / "model.safetensors"


def photos(count: int | None = None) -> list[str]:
    """Drawn photos, of every class in turn; `count` of them."""
    found = sorted(map(str, (demo() / "photos").rglob("*.png")), key=lambda path: (path[-6:], path))
    assert len(found) >= 100, found
    return found[:count]


def real_photos() -> list[str]:
    """The photos of ants and bees, where they are."""
    assets = os.environ.get("ICECAP_TEST_ASSETS")
    found = sorted(map(str, Path(assets, "datasets/hymenoptera").rglob("*.jpg"))) if assets else []
    if not found:
        raise unittest.SkipTest("ICECAP_TEST_ASSETS has no datasets/hymenoptera")
    return found


def features_of_program(paths: list[str], *options: object) -> np.ndarray:
    """The features that the program writes, in the order of the paths."""
    file = folder() / "features.safetensors"
    run("extract", *paths, "--output", file, "--force", "--no-cache", "--quiet", *options)
    data = file.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    tensor = header["features"]
    begin, end = tensor["data_offsets"]
    rows = np.frombuffer(data[8 + length :][begin:end], "<f4").reshape(tensor["shape"])
    assert len(rows) == len(paths)
    return rows


def rows_of_program(paths: list[str], *options: object, of: object = None) -> list[dict[str, object]]:
    """The rows that the program predicts."""
    rows = json.loads(run("predict", of or model(), *paths, "--json", "--quiet", *options))
    return list(rows)


def pixels(path: str) -> np.ndarray:
    """The pixels of a PNG of 8 bits RGB without interlacing, as the format's standard says."""
    data, at = Path(path).read_bytes(), 8
    packed, columns, rows = b"", 0, 0
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            columns, rows, depth, color = struct.unpack(">IIBB", body[:10])
            assert (depth, color, body[12]) == (8, 2, 0), path
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(rows, 1 + 3 * columns)
    done = np.zeros((rows + 1, 3 * columns + 3), np.uint8)
    for row, line in enumerate(lines):
        kind, above, here = int(line[0]), done[row].astype(int), done[row + 1]
        for place, value in enumerate(line[1:].tolist(), 3):
            left, up, corner = int(here[place - 3]), int(above[place]), int(above[place - 3])
            near = min((abs(up - corner), 0, left), (abs(left - corner), 1, up), (abs(left + up - 2 * corner), 2, corner))
            here[place] = (value + (0, left, up, (left + up) // 2, near[2])[kind]) % 256
    return done[1:, 3:].reshape(rows, columns, 3).copy()


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays have the same shape and bits."""
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()
