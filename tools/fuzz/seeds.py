#!/usr/bin/env python3
"""Seeds for the fuzz targets: the committed golden files, and small files that PyTorch and a zip writer make here.

usage: seeds.py GOLDEN
needs: pip install torch
"""

import argparse
import pathlib
import shutil
import zipfile

import torch

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def folder(target):
    path = CORPUS / target
    path.mkdir(parents=True, exist_ok=True)
    return path


def dicts():
    """State dicts as they come: plain, a view in another order, a checkpoint, other element types."""
    weight = torch.arange(24, dtype=torch.float32).reshape(2, 3, 2, 2)
    plain = {"features.0.0.weight": weight, "features.0.1.running_var": torch.ones(2), "n": torch.tensor(3)}
    yield "plain", plain
    yield "view", {"conv_stem.weight": weight.contiguous(memory_format=torch.channels_last), "bn1.bias": weight[0, 0, 0]}
    yield "checkpoint", {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in plain.items()}, "lr": 0.5, "note": None}
    yield "types", {"a": torch.ones(3, dtype=torch.float16), "b": torch.ones(2, dtype=torch.bfloat16), "c": [1, (2, "x")]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("golden", type=pathlib.Path)
    golden = parser.parse_args().golden
    for path in golden.glob("*.safetensors"):
        shutil.copy(path, folder("safetensors"))
    for path in (golden / "hdf5").glob("*.h5"):
        shutil.copy(path, folder("hdf5"))
        for method, name in [(zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_DEFLATED, "deflated")]:
            target = folder("keras_archive") / f"{path.stem}_{name}.keras"
            with zipfile.ZipFile(target, "w", method) as archive:
                archive.writestr("config.json", "{}")
                archive.write(path, "model.weights.h5")
    for name, state in dicts():
        torch.save(state, folder("torch_zip") / f"{name}.pth")
        torch.save(state, folder("torch_pickle") / f"{name}.pth", _use_new_zipfile_serialization=False)


main()
