#!/usr/bin/env python3
"""What others make of an exported model: ONNX Runtime of the whole net, Keras and PyTorch of the head alone.

`graph` checks the file as the ONNX project does (structure, types, shapes inferred all the way), feeds it pixels as its
own metadata says, one by one and all at once, and compares with what icecap computed. `head` sets the tensors into a
layer of the framework. A comparison is one JSON object on standard output; nothing is judged here, the test does that
(tests/cli/export.rs).

CASE is a safetensors file. For `graph`: `pixels` [N, H, W, 3], gray levels of 0 to 255, f32 or, for a graph that takes
bytes, u8; `probabilities` [N, classes]; `logits` [N, logits]. For `head`: `features` [N, F] and the same two.

usage: onnx_check.py graph FILE.onnx CASE
       onnx_check.py head keras|torchvision FILE.safetensors CASE
exits with 77 where a package is missing
needs: pip install onnx onnxruntime safetensors numpy; for heads also keras tensorflow-cpu, torch torchvision
"""

import ast
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
MISSING = 77

try:
    import numpy as np
    from safetensors import safe_open
    from safetensors.numpy import load_file
except ImportError as error:
    print(f"no module '{error.name}'", file=sys.stderr)
    sys.exit(MISSING)


def furthest(got, expected):
    """The largest difference; a shape that does not fit is an error, not a broadcast."""
    if got.shape != expected.shape:
        raise SystemExit(f"{got.shape} instead of {expected.shape}")
    return float(np.abs(got.astype(np.float64) - expected).max())


def softmax(scores):
    powers = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def graph(file, case):
    import onnx
    import onnxruntime

    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    case = load_file(case)
    pixels = case["pixels"]
    height, width = (metadata["input_size"].split("x") * 2)[:2]
    assert pixels.shape[1:] == (int(height), int(width), 3), (pixels.shape, metadata["input_size"])
    assert metadata["input_channels"] == "RGB"
    (fed,) = session.get_inputs()
    if metadata["input_layout"] == "NCHW":
        scale, shift = (np.array(json.loads(metadata[f"input_{key}"]), np.float32) for key in ("scale", "shift"))
        pixels = np.ascontiguousarray((pixels * scale + shift).transpose(0, 3, 1, 2))
    results = {"ir": model.ir_version, "opset": model.opset_import[0].version, "input": [fed.type, fed.shape]}
    singles = [session.run(["probabilities", "logits"], {fed.name: one[None]}) for one in pixels]
    for index, name in enumerate(["probabilities", "logits"]):
        together = session.run([name], {fed.name: pixels})[0]
        alone = np.concatenate([single[index] for single in singles])
        results[name] = max(furthest(together, case[name]), furthest(alone, case[name]))
    results["images"] = len(pixels)
    results["classes"] = json.loads(metadata["classes"])
    names = ast.literal_eval(metadata["names"])
    assert [names[index] for index in range(len(names))] == results["classes"], names
    results["metadata"] = metadata
    return results


def keras_head(tensors, features):
    import keras

    kernel, bias = tensors["dense/kernel"], tensors["dense/bias"]
    features_in, logits_out = kernel.shape
    dense = keras.layers.Dense(logits_out)
    model = keras.Sequential([keras.Input([features_in]), keras.layers.Dropout(0.2), dense])
    dense.set_weights([kernel, bias])
    logits = model.predict(features, verbose=0)
    if logits.shape[1] > 1:
        return logits, softmax(logits)
    second = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return logits, np.concatenate([1 - second, second], axis=1)


def torchvision_head(tensors, features):
    import torch
    import torchvision

    weight = torch.from_numpy(tensors["classifier.1.weight"])
    model = torchvision.models.mobilenet_v2(num_classes=len(weight)).eval()
    state = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    unexpected = model.load_state_dict(state, strict=False).unexpected_keys
    assert not unexpected, unexpected
    with torch.no_grad():
        logits = model.classifier(torch.from_numpy(features))
        return logits.numpy(), torch.softmax(logits, dim=1).numpy()


def head(layout, file, case):
    case = load_file(case)
    with safe_open(file, "numpy") as opened:
        metadata = opened.metadata()
    assert metadata["head_layout"] == layout, metadata
    compute = {"keras": keras_head, "torchvision": torchvision_head}[layout]
    logits, probabilities = compute(load_file(file), case["features"])
    expected = case["logits"]
    if layout == "torchvision" and expected.shape[1] == 1:
        expected = np.concatenate([np.zeros_like(expected), expected], axis=1)
    return {
        "logits": furthest(logits, expected),
        "probabilities": furthest(probabilities, case["probabilities"]),
        "classes": json.loads(metadata["classes"]),
        "metadata": metadata,
    }


def main(arguments):
    try:
        match arguments:
            case ["graph", file, case_file]:
                results = graph(file, case_file)
            case ["head", ("keras" | "torchvision") as layout, file, case_file]:
                results = head(layout, file, case_file)
            case _:
                raise SystemExit(__doc__)
    except ModuleNotFoundError as error:
        print(f"no module '{error.name}'", file=sys.stderr)
        return MISSING
    print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
