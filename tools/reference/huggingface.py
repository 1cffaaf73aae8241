#!/usr/bin/env python3
"""Hugging Face's port of TensorFlow's MobileNetV2: its tensor names, and what it computes from a Keras net.

Writes name and shape of every tensor of MobileNetV2ForImageClassification (width 0.35, 10 classes) to
`tests/golden/huggingface_names.txt`. Then it loads the Keras net keras_mobilenet_v2_0.35_scrambled_no_top.safetensors
of ASSETS into that net, renamed, runs it with TensorFlow's padding, and prints how far its features lie from those that
Keras computed.

usage: huggingface.py ASSETS [--out FOLDER]
needs: pip install torch transformers safetensors numpy
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

FOLDER = Path(__file__).resolve().parents[2] / "tests/golden"
VARIABLES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def keras_layer(module):
    """Keras' layer and its BatchNorm for a module of the port, without its last part."""
    if module == "conv_stem.first_conv":
        return "Conv1", "bn_Conv1"
    if module == "conv_1x1":
        return "Conv_1", "Conv_1_bn"
    place, part = module.rsplit(".", 1)
    kind = {"expand_1x1": "expand", "conv_3x3": "depthwise", "reduce_1x1": "project"}[part]
    prefix = "expanded_conv" if place == "conv_stem" else f"block_{int(place.split('.')[1]) + 1}"
    return f"{prefix}_{kind}", f"{prefix}_{kind}_BN"


def renamed(keras, names):
    """Keras' tensors under the port's names."""
    tensors = {}
    for name in names:
        if not name.startswith("mobilenet_v2.") or name.endswith("num_batches_tracked"):
            continue
        module, part, variable = name.removeprefix("mobilenet_v2.").rsplit(".", 2)
        conv, norm = keras_layer(module)
        if part == "convolution":
            kernel = keras[f"{conv}/kernel"]
            order = (2, 3, 0, 1) if conv.endswith("depthwise") else (3, 2, 0, 1)
            tensors[name] = torch.from_numpy(kernel.transpose(order).copy())
        else:
            tensors[name] = torch.from_numpy(keras[f"{norm}/{VARIABLES[variable]}"].copy())
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assets", type=Path)
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    assets, names_path = arguments.assets, arguments.out / "huggingface_names.txt"
    config = MobileNetV2Config(depth_multiplier=0.35, tf_padding=True, num_labels=10)
    net = MobileNetV2ForImageClassification(config).eval()
    state = net.state_dict()
    names_path.write_text("".join(f"{name} {list(tensor.shape)}\n" for name, tensor in state.items()))

    keras = load_file(assets / "weights/keras_mobilenet_v2_0.35_scrambled_no_top.safetensors")
    state.update(renamed(keras, state))
    net.load_state_dict(state)
    golden = load_file(assets / "golden/keras_scrambled_0.35_96x96.safetensors")
    pixels = golden["images"].astype(np.float32) / np.float32(127.5) - np.float32(1)
    with torch.no_grad():
        hidden = net.mobilenet_v2(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())).last_hidden_state
    apart = np.abs(hidden.numpy().transpose(0, 2, 3, 1) - golden["features"])
    print(f"epsilon {config.layer_norm_eps}, {len(state)} tensors; features max {apart.max():.1e}, mean {apart.mean():.1e}")


main()
