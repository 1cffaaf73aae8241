"""What people write to serve a net on a CPU: FastAPI under uvicorn, a process a core, an engine of one thread in each.

`serving.py` starts it as `uvicorn serving_peer:app` and tells by PEER_ENGINE, PEER_FORM, PEER_NET, PEER_CLASSES what it is:

| engine | pixels | net |
|---|---|---|
| `onnxruntime` | Pillow decodes and resizes | ONNX Runtime, one thread in an operation |
| `openvino` | libjpeg-turbo decodes (`simplejpeg`, its fast transform), OpenCV resizes | OpenVINO in the precision that it chooses, scaling in its graph |

| form | endpoint |
|---|---|
| `async` | `async def`, all of the work on the event loop: no hop between threads |
| `pool` | `def`, which FastAPI runs in its pool of threads |
"""

import io
import json
import os
import threading

import numpy as np
from fastapi import Body, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

CLASSES = json.loads(os.environ["PEER_CLASSES"])
HEADERS = {"x-worker": str(os.getpid())}


class OnnxRuntime:
    def __init__(self, path):
        import onnxruntime as ort
        from PIL import Image

        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = 1, 1
        self.session, self.image = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]), Image
        self.size = self.session.get_inputs()[0].shape[2]

    def __call__(self, body):
        photo = self.image.open(io.BytesIO(body)).convert("RGB")
        pixels = np.asarray(photo.resize((self.size, self.size), self.image.Resampling.BILINEAR), np.float32)
        x = np.ascontiguousarray((pixels * np.float32(1 / 127.5) - np.float32(1)).transpose(2, 0, 1)[None])
        return self.session.run(["logits"], {"x": x})[0][0]


class OpenVino:
    def __init__(self, path):
        import cv2
        import openvino as ov
        import simplejpeg
        from openvino.preprocess import PrePostProcessor

        cv2.setNumThreads(1)
        core = ov.Core()
        model = core.read_model(path)
        self.size = model.input().shape[2]
        steps = PrePostProcessor(model)
        steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
        steps.input().model().set_layout(ov.Layout("NCHW"))
        steps.input().preprocess().convert_element_type(ov.Type.f32).mean(127.5).scale(127.5)
        # Without the last one the streams of all processes run on one core (findings/openvino_processes_share_a_processor.sh).
        settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "THROUGHPUT"}
        settings |= {"ENABLE_CPU_PINNING": False}
        self.compiled = core.compile_model(steps.build(), "CPU", settings)
        self.decode, self.resize, self.linear = simplejpeg.decode_jpeg, cv2.resize, cv2.INTER_LINEAR
        self.of_thread = threading.local()

    def __call__(self, body):
        if not hasattr(self.of_thread, "request"):
            self.of_thread.request = self.compiled.create_infer_request()
        photo = self.decode(body, "RGB", fastdct=True)
        pixels = self.resize(photo, (self.size, self.size), interpolation=self.linear)[None]
        return self.of_thread.request.infer({0: pixels}, share_inputs=True)["logits"][0]


ENGINE = {"onnxruntime": OnnxRuntime, "openvino": OpenVino}[os.environ["PEER_ENGINE"]](os.environ["PEER_NET"])


def answer(body):
    try:
        logits = ENGINE(body)
    except (ValueError, OSError) as error:
        raise HTTPException(422, str(error)) from error
    if len(logits) == 1:
        second = float(1 / (1 + np.exp(-logits[0])))
        shares = [1 - second, second]
    else:
        powers = np.exp(logits - logits.max())
        shares = (powers / powers.sum()).tolist()
    best = int(np.argmax(shares))
    found = {"label": CLASSES[best], "probability": shares[best], "probabilities": dict(zip(CLASSES, shares))}
    return JSONResponse(found, headers=HEADERS)


app = FastAPI()

if os.environ["PEER_FORM"] == "async":

    @app.post("/predict")
    async def predict(request: Request):
        return answer(await request.body())

else:

    @app.post("/predict")
    def predict(body: bytes = Body(media_type="image/jpeg")):
        return answer(body)
