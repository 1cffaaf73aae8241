"""Makes a checkpoint and writes what it must give. Not a script: people_models.py calls it."""

import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from . import torch_heads, torch_variants  # noqa: F401  (their cases register themselves)
from .torch_cases import CASES, Bench
from .torch_nets import pooled

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def scaled(net, pixels):
    """Pixels [H, W, 3] as the net's own preprocessing has them, [1, 3, H, W]."""
    x = pixels.astype(np.float32)
    if hasattr(net, "mobilenet_v2"):
        x = x / np.float32(127.5) - np.float32(1)
    else:
        x = (x / np.float32(255) - MEAN) / DEVIATION
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)[None]))


def save(case, saved, path):
    if callable(saved) and not isinstance(saved, torch.nn.Module):
        saved(path)
    elif case.container == ".safetensors":
        tensors = {name: value.contiguous().clone() for name, value in saved.items()}
        save_tensors(tensors, str(path), metadata={"format": "pt"})
    else:
        torch.save(saved, path, pickle_protocol=case.protocol, _use_new_zipfile_serialization=not case.legacy)


def make(case, out, album, seed):
    torch.manual_seed(seed)
    b = Bench(out, seed)
    saved = case.build(b)
    name = {"shard_safetensors": "model-00001-of-00002", "shard_bin": "pytorch_model-00002-of-00002"}.get(case.name, case.name)
    file = pathlib.Path("torch") / (name + case.container)
    save(case, saved, out / file)
    entry = {
        "file": str(file), "made_with": f"torch {torch.__version__.split('+')[0]}",
        "about": (case.build.__doc__ or case.name.replace("_", " ")).strip(),
        "classes": [f"c{i}" for i in range(case.classes)], "options": list(case.options),
        "expect": case.expect, "extract": case.extract, "named": list(case.named), "told": list(case.told),
        "tolerance": case.tolerance, "labels": False,
    }
    if case.name in ("timm_without_head", "openmmlab_backbone"):
        entry |= {"expect": "refuse", "named": ["no head", "no classification top"]}
    entry["photos"], rows, features = [], [], []
    margin = [(side - case.side) // 2 for side in case.photo]
    for number in range(2):
        path, pixels = album.photo(case.photo, number)
        entry["photos"].append(path)
        if b.net is None:
            continue
        net = b.net.eval()
        pixels = pixels[margin[0] : margin[0] + case.side, margin[1] : margin[1] + case.side]
        with torch.no_grad():
            x = scaled(net, pixels)
            features.append(pooled(net, x).reshape(1, -1).numpy())
            logits = net(x)
        logits = (logits.logits if hasattr(logits, "logits") else logits).double()
        if case.one_logit:
            logits = torch.cat([torch.zeros_like(logits), logits], 1)
        rows.append(torch.softmax(logits, 1).numpy())
    if rows:
        entry["values"] = str(file) + ".values.safetensors"
        tensors = {"pooled": np.concatenate(features)}
        if rows[0].shape[1] == case.classes:
            tensors["probabilities"] = np.concatenate(rows).astype(np.float32)
        save_file(tensors, out / entry["values"])
    return entry
