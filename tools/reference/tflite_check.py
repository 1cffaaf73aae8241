#!/usr/bin/env python3
"""What LiteRT makes of an exported TFLite file, and what every engine makes of an exported net in int8.

`graph` runs a TFLite file as a phone would (with XNNPACK), with the interpreter's own kernels, and with a batch of all
images, and compares with what icecap computed. `agree` counts the images of which an engine names the class that icecap
names: ONNX Runtime and OpenVINO for .onnx, LiteRT for .tflite, those of them that are there. A result is one JSON object
on standard output; nothing is judged here, the test does that (tests/cli/export_engines.rs).

CASE is a safetensors file. For `graph`: `pixels` [N, H, W, 3] as the net expects them, f32; `probabilities` [N, classes];
`logits` [N, logits]. For `agree`: `pixels` u8 of 0 to 255, `logits`.

usage: tflite_check.py graph FILE.tflite CASE
       tflite_check.py agree FILE.onnx|FILE.tflite CASE
exits with 77 where a package is missing
needs: pip install ai-edge-litert safetensors numpy; for .onnx onnxruntime, openvino or both
"""

import importlib.util
import json
import sys
import zipfile

MISSING = 77

try:
    import numpy as np
    from safetensors.numpy import load_file
except ImportError as error:
    print(f"no module '{error.name}'", file=sys.stderr)
    sys.exit(MISSING)


def furthest(got, expected):
    """The largest difference; a shape that does not fit is an error, not a broadcast."""
    if got.shape != expected.shape:
        raise SystemExit(f"{got.shape} instead of {expected.shape}")
    return float(np.abs(got.astype(np.float64) - expected).max())


def litert(file, delegate=True, images=1):
    """A function from pixels to the outputs by their names, and the input as the file describes it."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kinds = {True: OpResolverType.AUTO, False: OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}
    net = Interpreter(file, num_threads=1, experimental_op_resolver_type=kinds[delegate])
    (fed,) = net.get_input_details()
    about = [np.dtype(fed["dtype"]).name, [int(side) for side in fed["shape"]]]
    if images > 1:
        net.resize_tensor_input(fed["index"], [images, *fed["shape"][1:]])
    net.allocate_tensors()

    def run(pixels):
        net.set_tensor(fed["index"], pixels)
        net.invoke()
        return {output["name"]: net.get_tensor(output["index"]).copy() for output in net.get_output_details()}

    return run, about


def graph(file, case):
    case = load_file(case)
    pixels, results = case["pixels"], {"largest_logit": float(np.abs(case["logits"]).max())}
    for name, delegate in [("delegate", True), ("plain", False)]:
        run, results["input"] = litert(file, delegate)
        alone = [run(one[None]) for one in pixels]
        results[name] = {
            output: furthest(np.concatenate([one[output] for one in alone]), case[output])
            for output in ("probabilities", "logits")
        }
    run, _ = litert(file, images=len(pixels))
    results["batch"] = {output: furthest(value, case[output]) for output, value in run(pixels).items()}
    with zipfile.ZipFile(file) as archive:
        (name,) = archive.namelist()
        assert name == "labels.txt" and archive.testzip() is None
        results["labels"] = archive.read(name).decode().removesuffix("\n").split("\n")
    return results


def onnxruntime(file):
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(["logits"], {"pixels": pixels})[0]


def openvino(file):
    import openvino

    net = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda pixels: net([pixels])["logits"]


def fed(file, pixels):
    """Pixels as an ONNX file's own metadata wants them."""
    import onnx

    about = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    if about["input_layout"] == "NHWC":
        return pixels
    scale, shift = (np.array(json.loads(about[f"input_{key}"]), np.float32) for key in ("scale", "shift"))
    return np.ascontiguousarray((pixels * scale + shift).transpose(0, 3, 1, 2))


def agree(file, case):
    case = load_file(case)
    pixels = case["pixels"]
    if file.endswith(".onnx"):
        pixels = fed(file, pixels)
        engines = {name: load for name, load in [("onnxruntime", onnxruntime), ("openvino", openvino)]}
        there = {name: load(file) for name, load in engines.items() if importlib.util.find_spec(name)}
        if not there:
            raise ModuleNotFoundError(name="onnxruntime")
    else:
        interpreter, _ = litert(file)
        there = {"litert": lambda one: interpreter(one)["logits"]}

    def top(logits):
        return logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(axis=1)

    results = {}
    for name, run in there.items():
        logits = np.concatenate([run(one[None]) for one in pixels])
        apart = np.linalg.norm(logits - case["logits"]) / np.linalg.norm(case["logits"])
        same = float(np.mean(top(logits) == top(case["logits"])))
        results[name] = {"images": len(pixels), "same": same, "logits": float(apart)}
    return results


def main(arguments):
    try:
        match arguments:
            case ["graph", file, case_file]:
                results = graph(file, case_file)
            case ["agree", file, case_file]:
                results = agree(file, case_file)
            case _:
                raise SystemExit(__doc__)
    except ModuleNotFoundError as error:
        print(f"no module '{error.name}'", file=sys.stderr)
        return MISSING
    print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
