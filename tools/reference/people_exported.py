#!/usr/bin/env python3
"""MobileNetV2 as other frameworks export it: ONNX by PyTorch and tf2onnx, TFLite by TensorFlow's converter.

Into FOLDER go the files, `photos/`, and `exported.json`: for each file its photos, what pixels the graph was fed (`fed`,
as `scaling` says), and in `FILE.values.safetensors` what the file's own engine (ONNX Runtime, LiteRT) puts out (`raw`),
what the framework that it came from gives (`probabilities`: of PyTorch's nets behind a softmax, of Keras' models what they put out; `pooled`).

usage: people_exported.py FOLDER [PATTERN]
needs: pip install keras tensorflow-cpu tf_keras tf2onnx torch torchvision timm transformers onnx onnxruntime onnxscript
       numpy pillow safetensors
"""

import json
import os
import pathlib
import sys
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from safetensors.numpy import save_file

from people import nets
from people.photos import Album

CASES = {}
SIDE = 96
TORCH = "mean 0.485,0.456,0.406 std 0.229,0.224,0.225"


def case(make):
    CASES[make.__name__] = make
    return make


# ---- ONNX by PyTorch ----


def torch_net(out, build=None, width=0.35, classes=3):
    from people import torch_nets

    net = (build or torch_nets.torchvision)(classes)
    return torch_nets.fill(net, out, width, 7)


def by_torch(out, name, net, scaling=TORCH, softmax=False, **options):
    import torch
    from people import torch_models, torch_nets

    path = out / f"{name}.onnx"

    class Right(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            y = self.net(x)
            y = y.logits if hasattr(y, "logits") else y
            return torch.softmax(y, 1) if softmax else y

    exported = Right().eval() if softmax or hasattr(net, "mobilenet_v2") else net
    torch.onnx.export(exported, (torch.zeros(1, 3, SIDE, SIDE),), str(path), input_names=["input"],
                      output_names=["output"], **options)

    def right(pixels):
        with torch.no_grad():
            x = torch_models.scaled(net, pixels)
            y = net(x)
            y = y.logits if hasattr(y, "logits") else y
            return x.numpy(), torch.softmax(y.double(), 1).numpy(), torch_nets.pooled(net, x).reshape(1, -1).numpy()

    return path, right, scaling


@case
def torchvision_dynamo(out):
    """The exporter of today: BatchNorm folded, opset 18 or later."""
    return by_torch(out, "torchvision_dynamo", torch_net(out), dynamo=True, external_data=False)


@case
def torchvision_dynamo_external(out):
    """The weights in a file of their own beside it, as the exporter of today does by default."""
    return by_torch(out, "torchvision_dynamo_external", torch_net(out), dynamo=True)


@case
def torchvision_script_9(out):
    """The exporter of old: Clip with attributes."""
    return by_torch(out, "torchvision_script_9", torch_net(out), dynamo=False, opset_version=9)


@case
def torchvision_script_13(out):
    """Clip with inputs, any number of photos."""
    return by_torch(out, "torchvision_script_13", torch_net(out), dynamo=False, opset_version=13,
                    dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})


@case
def torchvision_any_size(out):
    axes = {0: "batch", 2: "height", 3: "width"}
    return by_torch(out, "torchvision_any_size", torch_net(out), dynamo=False, opset_version=17, dynamic_axes={"input": axes})


@case
def torchvision_softmax(out):
    return by_torch(out, "torchvision_softmax", torch_net(out), softmax=True, dynamo=False, opset_version=17)


@case
def torchvision_with_batchnorm(out):
    """Not folded: exported in the mode of training."""
    import torch

    return by_torch(out, "torchvision_with_batchnorm", torch_net(out), dynamo=False, opset_version=13,
                    training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)


@case
def torchvision_two_dense(out):
    from torch import nn
    from people import torch_nets

    def build(classes):
        net = torch_nets.torchvision(classes)
        net.classifier = nn.Sequential(nn.Dropout(), nn.Linear(1280, 32), nn.ReLU(), nn.Linear(32, classes))
        return net

    return by_torch(out, "torchvision_two_dense", torch_net(out, build), dynamo=False, opset_version=17)


@case
def timm_script(out):
    from people import torch_nets

    return by_torch(out, "timm_script", torch_net(out, torch_nets.timm), dynamo=False, opset_version=17)


@case
def timm_dynamo(out):
    from people import torch_nets

    return by_torch(out, "timm_dynamo", torch_net(out, torch_nets.timm), dynamo=True, external_data=False)


@case
def transformers_script(out):
    """TensorFlow's padding by nodes of its own."""
    from people import torch_nets

    return by_torch(out, "transformers_script", torch_net(out, torch_nets.transformers), "-1..1", dynamo=False, opset_version=17)


@case
def flat_script(out):
    from people import torch_nets

    return by_torch(out, "flat_script", torch_net(out, lambda c: torch_nets.Flat(0.35, c)), dynamo=False, opset_version=17)


@case
def torchvision_half(out):
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    path, right, scaling = by_torch(out, "torchvision_half", torch_net(out), dynamo=False, opset_version=17)
    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), path)
    return path, right, scaling


@case
def torchvision_qdq(out):
    """Quantized by ONNX Runtime."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    path, right, scaling = by_torch(out, "torchvision_qdq", torch_net(out), dynamo=False, opset_version=17)
    photos = iter([{"input": right(Album(out).photo((SIDE, SIDE), n)[1])[0]} for n in range(4)])

    class Reader(CalibrationDataReader):
        def get_next(self):
            return next(photos, None)

    quantize_static(str(path), str(path), Reader())
    return path, right, scaling


# ---- ONNX and TFLite by TensorFlow ----


def keras_net(out, library="keras", scaled=True, head=None, width=0.35, side=SIDE):
    import keras
    import tf_keras
    from people.keras_parts import Maker, randomize

    k = {"keras": keras, "tf_keras": tf_keras}[library]
    m = Maker(k, out, nets)
    layers = head(m) if head else [k.layers.Dense(3, activation="softmax")]
    base = m.base((side, side, 3), width)
    before = m.layers.Rescaling(1 / 127.5, offset=-1) if scaled else (lambda x: x)
    model = m.functional((side, side, 3), before, m.pooled(*layers), base=base)
    randomize(model, 9)

    def right(pixels):
        x = pixels[None].astype(np.float32)
        x = x if scaled else x / np.float32(127.5) - np.float32(1)
        return x, np.asarray(model(x, training=False)), m.features(x[0][None])

    return model, right, "inside" if scaled else "-1..1"


def by_tf2onnx(out, name, **options):
    import tensorflow as tf
    import tf2onnx

    kwargs = {k: options.pop(k) for k in list(options) if k in ("library", "scaled", "head")}
    model, right, scaling = keras_net(out, **kwargs)
    path = out / f"{name}.onnx"
    call = tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32, name="input")])
    tf2onnx.convert.from_function(call, input_signature=call.input_signature, output_path=str(path), opset=15, **options)
    return path, right, scaling


@case
def keras_tf2onnx(out):
    return by_tf2onnx(out, "keras_tf2onnx", scaled=False)


@case
def keras_tf2onnx_rescaling(out):
    return by_tf2onnx(out, "keras_tf2onnx_rescaling")


@case
def keras_tf2onnx_nchw(out):
    return by_tf2onnx(out, "keras_tf2onnx_nchw", scaled=False, inputs_as_nchw=["input"])


@case
def tf_keras_tf2onnx(out):
    return by_tf2onnx(out, "tf_keras_tf2onnx", scaled=False, library="tf_keras")


@case
def keras_export_onnx(out):
    """Keras 3's own `model.export(format="onnx")`."""
    model, right, scaling = keras_net(out, scaled=False)
    path = out / "keras_export_onnx.onnx"
    model.export(str(path), format="onnx", verbose=False)
    return path, right, scaling


def by_lite(out, name, set_up=None, **options):
    import tensorflow as tf

    model, right, scaling = keras_net(out, **options)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if set_up:
        set_up(tf, converter, lambda: ([right(Album(out).photo((SIDE, SIDE), n)[1])[0]] for n in range(8)))
    path = out / f"{name}.tflite"
    path.write_bytes(converter.convert())
    return path, right, scaling


def dynamic(tf, converter, photos):
    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def half(tf, converter, photos):
    dynamic(tf, converter, photos)
    converter.target_spec.supported_types = [tf.float16]


def integer_inside(tf, converter, photos):
    dynamic(tf, converter, photos)
    converter.representative_dataset = photos


def integer(kind):
    def set_up(tf, converter, photos):
        integer_inside(tf, converter, photos)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, kind)

    return set_up


def integer_16(tf, converter, photos):
    integer_inside(tf, converter, photos)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    ]


def per_tensor(tf, converter, photos):
    integer("int8")(tf, converter, photos)
    converter._experimental_disable_per_channel = True


LITE = {
    "lite_float": (None, {}), "lite_float_unscaled": (None, {"scaled": False}), "lite_dynamic": (dynamic, {}),
    "lite_half": (half, {}), "lite_integer_inside": (integer_inside, {"scaled": False}),
    "lite_int8": (integer("int8"), {"scaled": False}), "lite_uint8": (integer("uint8"), {"scaled": False}),
    "lite_uint8_rescaling": (integer("uint8"), {}), "lite_int16x8": (integer_16, {"scaled": False}),
    "lite_per_tensor": (per_tensor, {"scaled": False}), "lite_tf_keras": (None, {"library": "tf_keras"}),
    "lite_float_one": (None, {"width": 1.0, "scaled": False}),
    "lite_two_dense": (None, {"head": lambda m: [m.layers.Dense(16, activation="relu"), m.layers.Dense(4, activation="softmax")]}),
    "lite_logits": (None, {"head": lambda m: [m.layers.Dense(3)]}),
    "lite_sigmoid": (None, {"head": lambda m: [m.layers.Dense(1, activation="sigmoid")]}),
}
for name, (set_up, options) in LITE.items():
    CASES[name] = lambda out, name=name, set_up=set_up, options=options: by_lite(out, name, set_up, **options)


def run(path, x):
    """What the file's own engine gives for one fed photo."""
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (asked,) = session.get_inputs()
        if asked.shape[1] == 3 and x.shape[1] != 3:
            x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        return session.run(None, {asked.name: x})[0]
    import tensorflow as tf

    net = tf.lite.Interpreter(str(path))
    net.allocate_tensors()
    (asked,), (given,) = net.get_input_details(), net.get_output_details()
    scale, zero = asked["quantization"]
    if asked["dtype"] != np.float32:
        span = np.iinfo(asked["dtype"])
        x = np.clip(np.rint(x / scale + zero), span.min, span.max).astype(asked["dtype"])
    net.set_tensor(asked["index"], x)
    net.invoke()
    raw = net.get_tensor(given["index"])
    scale, zero = given["quantization"]
    return raw if raw.dtype == np.float32 else ((raw.astype(np.float32) - zero) * np.float32(scale))


def is_quantized(name):
    return any(word in name for word in ("int", "dynamic", "qdq", "half", "per_tensor"))


def of_classes(name, right):
    """What a prediction says of each class, from what the framework's model puts out."""
    if name == "lite_logits":
        right = np.exp(right) / np.exp(right).sum(1, keepdims=True)
    return np.concatenate([1 - right, right], 1) if right.shape[1] == 1 else right


def expected(name, scaling, classes):
    """How the file is imported, and what must come of it, as people_models.py says it of its files."""
    options = [] if scaling == "inside" else ["--scaling", scaling]
    # The usual rule of nets that pad like PyTorch's cuts the middle out of a photo; these are of the input's size.
    options += ["--resize", "squash"] * (scaling == TORCH) + ["--size", str(SIDE)] * ("any_size" in name)
    expect = "either" if is_quantized(name) or "external" in name else "open"
    named = ["external", ".data", "quant", "int8", "int16", "uint8", "float16", "f16", "half", "batch"]
    return {"classes": [f"c{i}" for i in range(classes)], "options": options, "expect": expect, "extract": expect,
            "named": named, "told": [], "tolerance": 0.1 if is_quantized(name) else 2e-5}


def main(arguments):
    if not arguments:
        raise SystemExit(__doc__)
    out = pathlib.Path(arguments[0]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    pattern = arguments[1] if arguments[1:] else ""
    warnings.filterwarnings("ignore")
    listed = out / "exported.json"
    entries = {entry["file"]: entry for entry in json.loads(listed.read_text())} if listed.exists() else {}
    album, failed = Album(out), 0
    for name, make in CASES.items():
        if pattern not in name:
            continue
        try:
            path, right, scaling = make(out)
            photos = [album.photo((SIDE, SIDE), number) for number in range(2)]
            rows = [right(pixels) for _, pixels in photos]
            raw = [run(path, fed) for fed, _, _ in rows]
        except Exception as error:
            print(f"{name}: not made: {type(error).__name__}: {error}"[:400], flush=True)
            failed += 1
            continue
        stack = lambda arrays: np.ascontiguousarray(np.concatenate(arrays), dtype=np.float32)
        tensors = {"fed": stack([r[0] for r in rows]), "raw": stack(raw), "right": stack([r[1] for r in rows])}
        tensors["probabilities"] = of_classes(name, tensors["right"])
        # A quantized net has its own features, near these.
        tensors["near" if is_quantized(name) else "pooled"] = stack([r[2] for r in rows])
        save_file(tensors, f"{path}.values.safetensors")
        about = make.__doc__ if make.__name__ == name and make.__doc__ else name.replace("_", " ")
        entries[path.name] = {"file": path.name, "about": about.strip(), "photos": [p for p, _ in photos],
                              "scaling": scaling, "size": SIDE, "values": f"{path.name}.values.safetensors"}
        entries[path.name] |= expected(name, scaling, tensors["probabilities"].shape[1])
        listed.write_text(json.dumps(list(entries.values()), indent=1) + "\n")
        print(f"{name}: raw {np.round(tensors['raw'][0], 4).tolist()} right {np.round(tensors['probabilities'][0], 4).tolist()}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
