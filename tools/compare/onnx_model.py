#!/usr/bin/env python3
"""MobileNetV2 up to its pooled features as an ONNX file, from Keras-named safetensors of any width.

BatchNorm is folded in f64 (epsilon 1e-3), padding is TensorFlow's 'same' written out as four numbers, ReLU6 is Clip.
Graph: `x` f32 [batch, 3, size, size] in -1..1 -> `pooled` f32 [batch, 1280].

usage: onnx_model.py WEIGHTS.safetensors SIZE BATCH OUT.onnx
needs: pip install numpy onnx safetensors
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

EPSILON = 1e-3
# Blocks whose depthwise convolution halves the sides (the table of the paper, n and s).
HALVING = {1, 3, 6, 13}


class Builder:
    """Appends nodes; keeps the side of the picture, which 'same' padding depends on."""

    def __init__(self, weights, size):
        self.weights, self.side = weights, size
        self.nodes, self.constants = [], []
        for name, value in (("low", 0.0), ("high", 6.0)):
            self.constants.append(numpy_helper.from_array(np.float32(value), name))

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolution(self, x, name, norm, stride=1, relu=True):
        """Convolution and folded BatchNorm; a kernel [3, 3, c, 1] is a depthwise one."""
        kernel = self.weights[f"{name}/kernel"].astype(np.float64)
        gamma, beta, mean, variance = (
            self.weights[f"{norm}/{part}"].astype(np.float64)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + EPSILON)
        depthwise = name.endswith("_depthwise")
        # Keras keeps [h, w, in, out], and [h, w, channel, 1] for depthwise; ONNX wants [out, in / group, h, w].
        kernel = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(3, 2, 0, 1)
        kernel = kernel * scale[:, None, None, None]
        for suffix, array in (("weight", kernel), ("bias", beta - mean * scale)):
            array = np.ascontiguousarray(array, np.float32)
            self.constants.append(numpy_helper.from_array(array, f"{name}.{suffix}"))
        out = -(-self.side // stride)
        total = max((out - 1) * stride + kernel.shape[2] - self.side, 0)
        begin, end = total // 2, total - total // 2
        self.side = out
        x = self.node(
            "Conv", [x, f"{name}.weight", f"{name}.bias"], f"{name}.out",
            strides=[stride, stride], pads=[begin, begin, end, end], group=kernel.shape[0] if depthwise else 1,
        )  # fmt: skip
        return self.node("Clip", [x, "low", "high"], f"{name}.relu") if relu else x

    def block(self, x, index, inputs):
        """An inverted residual; gives its output and how many channels that has."""
        prefix = f"block_{index}" if index else "expanded_conv"
        stride = 2 if index in HALVING else 1
        y = self.convolution(x, f"{prefix}_expand", f"{prefix}_expand_BN") if index else x
        y = self.convolution(y, f"{prefix}_depthwise", f"{prefix}_depthwise_BN", stride)
        y = self.convolution(y, f"{prefix}_project", f"{prefix}_project_BN", relu=False)
        channels = self.weights[f"{prefix}_project/kernel"].shape[3]
        if stride == 1 and channels == inputs:
            y = self.node("Add", [x, y], f"{prefix}.add")
        return y, channels


def build(weights, size, batch):
    net = Builder(weights, size)
    x, channels = net.convolution("x", "Conv1", "bn_Conv1", stride=2), None
    for index in range(17):
        x, channels = net.block(x, index, channels)
    x = net.convolution(x, "Conv_1", "Conv_1_bn")
    net.node("Flatten", [net.node("GlobalAveragePool", [x], "mean")], "pooled")
    width = weights["Conv_1/kernel"].shape[3]
    graph = helper.make_graph(
        net.nodes,
        "mobilenet_v2",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, size, size])],
        [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, [batch, width])],
        net.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    onnx.save(build(load_file(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])), sys.argv[4])
