#!/usr/bin/env python3
"""Models and checkpoints as people have them, made by the frameworks themselves, and what each must give.

Written into FOLDER: `keras/` and `torch/` with small files (mostly width 0.35, with the starter's weights in the net and
drawn heads), `photos/`, and `keras.json` and `torch.json`: for each file how it is imported, which photos are shown to it, and either
the right probabilities and pooled features, computed by the framework in f32 on the same pixels, or the words of which a
refusal must hold one. `expect` is of a model (`weights import`, `predict`), `extract` of the backbone alone:
`open`, `refuse`, or `either`, where following the file and refusing it are both right.

With PATTERN, a regular expression, only the cases whose names it matches are made, and the others keep their entries.

usage: people_models.py FOLDER [keras|torch] [PATTERN]
needs: pip install keras tensorflow-cpu tf_keras torch torchvision timm transformers numpy pillow safetensors
"""

import json
import os
import pathlib
import re
import sys
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from people.photos import Album


def main(arguments):
    if not arguments:
        raise SystemExit(__doc__)
    out = pathlib.Path(arguments.pop(0)).resolve()
    out.mkdir(parents=True, exist_ok=True)
    kinds = [arguments.pop(0)] if arguments and arguments[0] in ("keras", "torch") else ["keras", "torch"]
    pattern = arguments[0] if arguments else ""
    failed = 0
    for kind in kinds:
        if kind == "keras":
            from people.keras_models import make
        else:
            from people.torch_models import make
        failed += make_all(make, kind, out, pattern)
    return 1 if failed else 0


def make_all(make, kind, out, pattern):
    """Makes the cases of a kind that have PATTERN in their names; returns how many could not be made."""
    cases = make.__globals__["CASES"]
    (out / kind).mkdir(exist_ok=True)
    warnings.filterwarnings("ignore")
    listed = out / f"{kind}.json"
    entries = {entry["file"]: entry for entry in json.loads(listed.read_text())} if listed.exists() else {}
    failed, album = 0, Album(out)
    for number, case in enumerate(cases):
        if not re.search(pattern, case.name):
            continue
        try:
            entry = make(case, out, album, 1000 + number)
        except Exception as error:  # one that a newer package no longer makes does not hide the others
            print(f"{case.name}: not made: {type(error).__name__}: {error}"[:400], flush=True)
            failed += 1
            continue
        entries[entry["file"]] = entry
        listed.write_text(json.dumps(list(entries.values()), indent=1) + "\n")
        print(f"{case.name}: {entry['expect']}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
