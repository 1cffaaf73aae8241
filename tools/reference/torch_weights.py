#!/usr/bin/env python3
"""Google's MobileNetV2 as `transformers` names it: its tensors' names and shapes, and whether it is Keras' net.

Written is `tests/golden/huggingface_names.txt`: each tensor of `MobileNetV2ForImageClassification` at width 0.35 with
1,001 classes, one a line. With `--keras FILE --golden FILE` (a Keras net of that width as safetensors, and what Keras
computed with it), the Keras tensors are also put under these names, loaded, and run with `tf_padding` on the golden
file's images; the script prints how far the features are from Keras' own.

usage: torch_weights.py [--out FOLDER] [--keras FILE --golden FILE]
needs: pip install torch transformers numpy safetensors
"""

import argparse
import pathlib

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file
from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

from golden import FOLDER

WIDTH = 0.35
CLASSES = 1001
NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def build():
    config = MobileNetV2Config(depth_multiplier=WIDTH, image_size=96, num_labels=CLASSES, tf_padding=True)
    return MobileNetV2ForImageClassification(config).eval()


def module(layer):
    """What transformers calls a layer of Keras, without `.convolution` or `.normalization`."""
    if layer in ("Conv1", "bn_Conv1"):
        return "conv_stem.first_conv"
    if layer in ("Conv_1", "Conv_1_bn"):
        return "conv_1x1"
    layer = layer.removesuffix("_BN")
    step = {"expand": "expand_1x1", "depthwise": "conv_3x3", "project": "reduce_1x1"}[layer.rsplit("_", 1)[1]]
    if layer.startswith("expanded_conv_"):
        return f"conv_stem.{step}"
    return f"layer.{int(layer.split('_')[1]) - 1}.{step}"


def renamed(tensors):
    """Keras' backbone under transformers' names, in PyTorch's order of axes."""
    out = {}
    for name, array in tensors.items():
        layer, variable = name.split("/")
        start = f"mobilenet_v2.{module(layer)}"
        if variable in NORM:
            out[f"{start}.normalization.{NORM[variable]}"] = array
        else:
            order = (2, 3, 0, 1) if layer.endswith("depthwise") else (3, 2, 0, 1)
            out[f"{start}.convolution.weight"] = array.transpose(order)
    return {name: torch.from_numpy(np.array(array)) for name, array in out.items()}


def compare(model, tensors, golden):
    state = renamed(tensors)
    missing, unexpected = model.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    assert sorted(missing) == ["classifier.bias", "classifier.weight"] and not unexpected, (missing, unexpected)
    pixels = golden["images"].astype(np.float32) / 127.5 - 1
    with torch.no_grad():
        features = model.mobilenet_v2(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())).last_hidden_state
    got, expected = features.numpy().transpose(0, 2, 3, 1), golden["features"]
    assert got.shape == expected.shape, (got.shape, expected.shape)
    d = np.abs(got.astype(np.float64) - expected)
    print(f"features of transformers against Keras: max {d.max():.2e}  mean {d.mean():.2e}  values up to {expected.max():.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER)
    parser.add_argument("--keras", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    options = parser.parse_args()
    model = build()
    lines = [f"{name} {list(tensor.shape)}" for name, tensor in model.state_dict().items()]
    path = options.out / "huggingface_names.txt"
    path.write_text("\n".join(lines) + "\n")
    print(f"{path.name}: {len(lines)} tensors, transformers {transformers.__version__}, torch {torch.__version__}")
    if options.keras and options.golden:
        compare(model, load_file(options.keras), load_file(options.golden))


if __name__ == "__main__":
    main()
