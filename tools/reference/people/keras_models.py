"""Makes a Keras model and writes what it must give. Not a script: people_models.py calls it."""

import pathlib
import shutil

import keras
import numpy as np
import tf_keras
from safetensors.numpy import save_file

from . import keras_heads, keras_more, keras_refused, keras_variants, nets  # noqa: F401  (their cases register themselves)
from .keras_cases import CASES
from .keras_parts import Maker, randomize

PACKAGES = {"keras3": keras, "tf_keras": tf_keras}


def softmax(x):
    x = np.exp(x - x.max(1, keepdims=True))
    return x / x.sum(1, keepdims=True)


def probabilities(case, raw):
    """What a prediction says of each class, from what the model puts out."""
    raw = np.asarray(raw, np.float64)
    match case.output:
        case "softmax" | "labels":
            return raw
        case "logits":
            return softmax(raw)
        case "logit":
            raw = 1 / (1 + np.exp(-raw))
    return np.concatenate([1 - raw, raw], 1)


def save(model, package, path):
    """Writes a model in the container that its name asks for."""
    name = path.name
    if name.endswith((".weights.h5", ".legacy.h5")):
        model.save_weights(path if name.endswith(".weights.h5") else str(path))
    elif "." not in name:
        shutil.rmtree(path, ignore_errors=True)
        model.export(path, verbose=False)
    else:
        model.save(path if package is keras else str(path))


def right(case, m, model, pixels):
    """Probabilities and pooled features of one photo, by the framework; none where it cannot compute."""
    x = pixels[None].astype(np.float32)
    if case.outside:
        x = x / np.float32(127.5) - np.float32(1)
    try:
        features = m.features(x) if m.backbone is not None else None
        raw = model(x, training=False) if case.expect != "refuse" else None
    except Exception:
        if case.expect == "open":
            raise
        return None, None
    return None if raw is None else probabilities(case, raw), features


def make(case, out, album, seed):
    """Builds, saves and computes one case; returns its entry of expected.json."""
    package = PACKAGES[case.library]
    package.backend.clear_session()
    package.utils.set_random_seed(seed)
    m = Maker(package, out, nets)
    m.after = None
    model = case.build(m)
    randomize(model, seed)
    saved = m.after() if m.after else model
    file = pathlib.Path("keras") / (case.name + case.container)
    save(saved, package, out / file)
    photos, values, pooled = [], [], []
    for number, size in enumerate(case.photos * (2 if len(case.photos) == 1 else 1)):
        path, pixels = album.photo(size, number)
        each, features = right(case, m, model, pixels)
        photos.append(path)
        values.append(each)
        pooled.append(features)
    entry = {
        "file": str(file), "made_with": f"{package.__name__} {package.__version__}",
        "about": (case.build.__doc__ or case.build.__name__.replace("_", " ")).strip(),
        "classes": [f"c{i}" for i in range(case.classes)], "options": list(case.options), "photos": photos,
        "expect": case.expect, "extract": case.extract, "named": list(case.named), "tolerance": case.tolerance,
        "labels": case.output == "labels",
    }
    tensors = {}
    if values[0] is not None:
        tensors["probabilities"] = np.concatenate(values).astype(np.float32)
    if pooled[0] is not None:
        tensors["pooled"] = np.concatenate(pooled).astype(np.float32)
    if tensors:
        entry["values"] = str(file) + ".values.safetensors"
        save_file(tensors, out / entry["values"])
    return entry
