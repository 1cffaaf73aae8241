#!/usr/bin/env python3
"""Time one framework's fine-tuning in a process of its own; prints one JSON object.

What is trained in all of them is the same: MobileNetV2 from block K's first layer on, kernels, gamma and beta, with
BatchNorm in inference mode, its mean over the pixels, a dense layer with one logit, binary cross-entropy, Adam at 1e-4,
batches in the order of the photos, no dropout. `losses` are the epochs' mean losses, `epoch_seconds` their times.

  keras-pixels     `fit` on pixels [-1, 1] in memory: the frozen part runs again in every epoch
  keras-cached     `fit` on the activations that enter block K, computed before
  torch-cached     the same activations, channels last; torch-cached-nchw: channels first

Keras' `fit` hands training=True down to every layer, also where the model was built with training=False; a layer that
calls the net with False itself keeps BatchNorm's statistics as they are. Checked: no moving statistic of the net has
changed at the end, and every gamma from block K on has.

usage: tuning_engine.py ENGINE WEIGHTS SIZE BLOCK PHOTOS BATCH THREADS EPOCHS     WEIGHTS: Keras' layout, .safetensors or .h5
needs: pip install numpy safetensors h5py, and tensorflow-cpu keras or torch (torch engines compute their input by Keras, too)
"""

import json
import os
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np

RATE, EPSILON = 1e-4, 1e-3
# Channels that leave block 16, which tell the width.
WIDTHS = {112: 0.35, 160: 0.5, 240: 0.75, 320: 1.0, 416: 1.3, 448: 1.4}


def photos(count, size):
    """Value i of all photos' pixels, row-major, is ((i * 2654435761) mod 2^32) >> 24, as in engine.py; labels alternate."""
    index = np.arange(count * size * size * 3, dtype=np.uint64)
    values = ((index * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)) >> np.uint64(24)
    pixels = values.astype(np.float32) / np.float32(127.5) - np.float32(1)
    return pixels.reshape(count, size, size, 3), (np.arange(count) % 2).astype(np.float32)


def head(features):
    """The first kernel of the dense layer [features, 1]: within Glorot's bounds, the same everywhere."""
    index = np.arange(features, dtype=np.uint64) * np.uint64(2654435761) & np.uint64(0xFFFFFFFF)
    return ((index / 2.0**31 - 1) * np.sqrt(6 / (features + 1))).astype(np.float32)[:, None]


def tensors(path):
    """Arrays by Keras' name, `layer/variable`."""
    if path.endswith(".safetensors"):
        from safetensors.numpy import load_file

        return load_file(path)
    import h5py

    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    # block_1_depthwise/block_1_depthwise/depthwise_kernel:0
    short = lambda name: f"{name.split('/')[0]}/{name.split('/')[-1].removesuffix(':0').removeprefix('depthwise_')}"
    return {short(name): array for name, array in found.items()}


def tail_layers(block):
    """Convolution, its BatchNorm, stride and whether a ReLU6 follows, from block `block` on; None ends a block."""
    for k in range(block, 17):
        yield f"block_{k}_expand", f"block_{k}_expand_BN", 1, True
        yield f"block_{k}_depthwise", f"block_{k}_depthwise_BN", 2 if k in (1, 3, 6, 13) else 1, True
        yield f"block_{k}_project", f"block_{k}_project_BN", 1, False
        yield None
    yield "Conv_1", "Conv_1_bn", 1, True


def keras_net(weights, size):
    import keras

    width = WIDTHS[weights["block_16_project/kernel"].shape[3]]
    net = keras.applications.MobileNetV2((size, size, 3), width, include_top=False, weights=None)
    for layer in net.layers:
        if layer.weights:
            layer.set_weights([weights[f"{layer.name}/{v.name.removeprefix('depthwise_')}"] for v in layer.weights])
    return net


def cached(net, block, pixels):
    """The activations that enter block `block`."""
    import keras

    below = keras.Model(net.input, net.get_layer(f"block_{block}_expand").input)
    return below.predict(pixels, batch_size=32, verbose=0)


def keras_engine(net, block, inputs, labels, run):
    import keras

    class Inference(keras.layers.Layer):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def call(self, x):
            return self.net(x, training=False)

    class Times(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.started = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            run["epoch_seconds"].append(time.perf_counter() - self.started)
            run["losses"].append(float(logs["loss"]))

    first = net.layers.index(net.get_layer(f"block_{block}_expand"))
    for number, layer in enumerate(net.layers):
        layer.trainable = number >= first
    whole = inputs.shape[1:] == net.input_shape[1:]
    part = net if whole else keras.Model(net.layers[first].input, net.output)
    statistics = [v.numpy() for layer in part.layers for v in layer.weights if v.name.startswith("moving_")]
    gammas = [v for v in part.trainable_variables if v.name == "gamma"]
    before = [v.numpy() for v in gammas]
    dense = keras.layers.Dense(1)
    model = keras.Sequential([keras.Input(inputs.shape[1:]), Inference(part), keras.layers.GlobalAveragePooling2D(), dense])
    dense.set_weights([head(dense.kernel.shape[0]), np.zeros(1)])
    model.compile(keras.optimizers.Adam(RATE), keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit(inputs, labels[:, None], batch_size=run["batch"], epochs=run["epochs"], shuffle=False, verbose=0, callbacks=[Times()])
    after = [v.numpy() for layer in part.layers for v in layer.weights if v.name.startswith("moving_")]
    assert all(np.array_equal(a, b) for a, b in zip(statistics, after, strict=True)), "BatchNorm's statistics have moved"
    assert gammas and all(not np.array_equal(a, b.numpy()) for a, b in zip(before, gammas, strict=True)), "a gamma has not"


def torch_engine(weights, block, inputs, labels, run):
    import torch
    from torch import nn

    torch.set_num_threads(run["threads"])
    form = torch.contiguous_format if run["engine"].endswith("-nchw") else torch.channels_last

    class Tail(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList()
            for entry in tail_layers(block):
                if entry:
                    name, norm, stride, _ = entry
                    self.layers.append(self.convolution(weights[f"{name}/kernel"], "depthwise" in name, stride))
                    self.layers.append(self.norm(norm))
            features = weights["Conv_1_bn/gamma"].size
            self.head = nn.Linear(features, 1)
            self.head.weight.data = torch.from_numpy(head(features).T.copy())
            nn.init.zeros_(self.head.bias)

        @staticmethod
        def convolution(kernel, depthwise, stride):
            kernel = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(3, 2, 0, 1)
            outputs, inputs, side, _ = kernel.shape
            groups = outputs if depthwise else 1
            layer = nn.Conv2d(inputs * groups, outputs, side, stride, 1 if side == 3 and stride == 1 else 0, groups=groups, bias=False)
            layer.weight.data = torch.from_numpy(np.ascontiguousarray(kernel))
            return layer

        @staticmethod
        def norm(name):
            layer = nn.BatchNorm2d(weights[f"{name}/gamma"].size, EPSILON)
            parts = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
            for ours, theirs in parts.items():
                getattr(layer, ours).data = torch.from_numpy(weights[f"{name}/{theirs}"].copy())
            return layer

        def forward(self, x):
            layers, entry = iter(self.layers), x
            for step in tail_layers(block):
                if step is None:
                    x = entry = x + entry if x.shape == entry.shape else x
                    continue
                _, _, stride, relu = step
                if stride == 2:
                    # TensorFlow's 'same': no zeros before an even side, one before an odd one.
                    (top, left) = (side % 2 for side in x.shape[2:])
                    x = nn.functional.pad(x, (left, 1, top, 1))
                x = next(layers)(x)
                x = next(layers)(x)
                x = nn.functional.relu6(x, inplace=True) if relu else x
            return self.head(x.mean((2, 3)))[:, 0]

    net = Tail().to(memory_format=form).eval()
    statistics = [b.clone() for b in net.buffers()]
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [m.weight.detach().clone() for m in norms]
    x = torch.from_numpy(inputs).permute(0, 3, 1, 2).contiguous(memory_format=form)
    y = torch.from_numpy(labels)
    optimizer = torch.optim.Adam(net.parameters(), RATE, eps=1e-7, fused=True)
    for _ in range(run["epochs"]):
        started, total = time.perf_counter(), 0.0
        for at in range(0, len(x), run["batch"]):
            optimizer.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(net(x[at : at + run["batch"]]), y[at : at + run["batch"]])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y[at : at + run["batch"]])
        run["epoch_seconds"].append(time.perf_counter() - started)
        run["losses"].append(total / len(x))
    assert all(torch.equal(a, b) for a, b in zip(statistics, net.buffers(), strict=True)), "BatchNorm's statistics have moved"
    assert all(not torch.equal(a, m.weight) for a, m in zip(before, norms, strict=True)), "a gamma has not moved"


def by_keras(path, size, block, count, threads):
    """What enters block `block`, from a process of its own: TensorFlow and torch bring an LLVM each, and clash."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "inputs.npy")
        numbers = map(str, (size, block, count, 1, threads, 1))
        subprocess.run([sys.executable, __file__, f"inputs={file}", path, *numbers], check=True)
        return np.load(file)


def main(engine, path, size, block, count, batch, threads, epochs):
    run = {"engine": engine, "block": block, "photos": count, "batch": batch, "threads": threads, "epochs": epochs}
    run |= {"epoch_seconds": [], "losses": []}
    weights = tensors(path)
    if engine.startswith("torch-"):
        _, labels = photos(count, 1)
        torch_engine(weights, block, by_keras(path, size, block, count, threads), labels, run)
        return print(json.dumps(run))
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    net = keras_net(weights, size)
    pixels, labels = photos(count, size)
    inputs = pixels if engine == "keras-pixels" else cached(net, block, pixels)
    if engine.startswith("inputs="):
        return np.save(engine.removeprefix("inputs="), inputs)
    keras_engine(net, block, inputs, labels, run)
    print(json.dumps(run))


if __name__ == "__main__":
    if len(sys.argv) != 9:
        sys.exit(__doc__)
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
