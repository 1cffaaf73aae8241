#!/usr/bin/env python3
"""Time one engine in a process of its own; prints one JSON object like `icecap bench model --json`.

A process each keeps the engines' thread pools and allocators apart. `min_ms` and `median_ms` are of one forward pass
of the whole batch, `pooled_first` holds the first 16 pooled features of the first image. Pixel i of the batch, row-major
[batch, size, size, 3], is ((i * 2654435761) mod 2^32) >> 24. Unlike ours, which starts from u8, the engines are given
pixels already scaled and in their own order of axes.

usage: engine.py ENGINE MODEL SIZE BATCH THREADS SECONDS     MODEL: a .tflite file for litert, else a .onnx file
needs: pip install numpy, and onnxruntime, openvino or ai-edge-litert
"""

import json
import sys
import time

import numpy as np

WARM_UP = 3


def pixels(size, batch):
    index = np.arange(batch * size * size * 3, dtype=np.uint64)
    values = ((index * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)) >> np.uint64(24)
    scaled = values.astype(np.float32) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(scaled.reshape(batch, size, size, 3).transpose(0, 3, 1, 2))


def onnxruntime(path, x, threads):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(["pooled"], {"x": x})[0][0]


def openvino(path, x, threads):
    import openvino as ov

    core = ov.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()
    return lambda: request.infer({0: x}, share_inputs=True)[0][0]


def openvino_streams(path, x, threads):
    """Its quickest way through a batch: one image a request, a stream a thread."""
    import openvino as ov

    core = ov.Core()
    model = core.read_model(path)
    model.reshape([1, *x.shape[1:]])
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": threads,
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    queue = ov.AsyncInferQueue(core.compile_model(model, "CPU", settings), 2 * threads)
    pooled = {}
    queue.set_callback(lambda request, image: pooled.__setitem__(image, request.get_output_tensor(0).data.copy()[0]))
    images = [np.ascontiguousarray(x[k : k + 1]) for k in range(len(x))]

    def run():
        for k, image in enumerate(images):
            queue.start_async({0: image}, k, share_inputs=True)
        queue.wait_all()
        return pooled[0]

    return run


def litert(path, x, threads):
    """Image by image, which is its quickest way through a batch. Takes [1, size, size, 3], gives features or their mean."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=threads)
    images = [np.ascontiguousarray(image[None].transpose(0, 2, 3, 1)) for image in x]
    source = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(source, images[0].shape)
    interpreter.allocate_tensors()
    result = interpreter.get_output_details()[0]["index"]

    def run():
        answers = []
        for image in images:
            interpreter.set_tensor(source, image)
            interpreter.invoke()
            answer = interpreter.get_tensor(result)[0]
            answers.append(answer.mean((0, 1)) if answer.ndim == 3 else answer)
        return answers[0]

    return run


ENGINES = {
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "openvino-streams": openvino_streams,
    "litert": litert,
}


def main(engine, path, size, batch, threads, seconds):
    run = ENGINES[engine](path, pixels(size, batch), threads)
    for _ in range(WARM_UP):
        first = run()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < WARM_UP:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    answer = {"min_ms": times[0], "median_ms": times[len(times) // 2], "pooled_first": first[:16].tolist()}
    print(json.dumps(answer))


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    main(*sys.argv[1:3], *map(int, sys.argv[3:6]), float(sys.argv[6]))
