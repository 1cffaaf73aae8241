#!/usr/bin/env python3
"""Keeps what fuzzing found, for the test of tools/probes: the smallest files of each corpus, as tensors of bytes.

Run it after `cargo fuzz cmin`, which leaves one file for each thing that the reader does.

usage: keep.py [TARGET]...
"""

import json
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
# Of each target.
MOST_BYTES = 64 << 10


def keep(target):
    files = sorted((HERE / "corpus" / target).iterdir(), key=lambda path: (path.stat().st_size, path.name))
    header, values = {}, bytearray()
    for path in files:
        case = path.read_bytes()
        if case and len(values) + len(case) <= MOST_BYTES:
            start = len(values)
            values += case
            header[path.name] = {"dtype": "U8", "shape": [len(case)], "data_offsets": [start, len(values)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    to = HERE.parent / "probes" / "found" / f"{target}.safetensors"
    to.parent.mkdir(exist_ok=True)
    to.write_bytes(struct.pack("<Q", len(text)) + text + values)
    print(f"{target}: {len(header)} of {len(files)} cases, {len(values)} bytes")


for target in sys.argv[1:] or sorted(path.name for path in (HERE / "corpus").iterdir()):
    keep(target)
