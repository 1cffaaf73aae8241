#!/usr/bin/env python3
"""The Open Inference Protocol of `icecap serve`, as the client of another server speaks it: `tritonclient`, unchanged.

Scores are held against `icecap predict --json --all` for the same photos, to 1e-6. Of pixels, too: photos are decoded here,
and stand in PNG files for `predict`.

usage: triton.py BINARY MODEL PHOTOS      MODEL: a classifier of one label a photo; PHOTOS: a folder with some
needs: pip install tritonclient[http] numpy pillow
Exit code 1 where a check failed.
"""

import base64
import pathlib
import sys
import tempfile

import numpy as np
import tritonclient.http as triton
from PIL import Image
from server import Checks, predicted, running
from tritonclient.utils import InferenceServerException

TOLERANCE = 1e-6
BATCH = 32


class Given:
    """The photos of the checks, as files and as pixels, with what the program says of both."""

    def __init__(self, binary, model, folder, place):
        files = sorted(path for path in pathlib.Path(folder).rglob("*") if path.is_file())[:BATCH]
        if not files:
            sys.exit(f"{folder}: no photo in it")
        # Fewer photos are asked for again and again.
        self.files = [files[k % len(files)] for k in range(BATCH)]
        self.bytes = [path.read_bytes() for path in self.files]
        self.rows = predicted(binary, model, self.files)
        self.classes = list(self.rows[0]["probabilities"])
        self.scores = np.array([list(row["probabilities"].values()) for row in self.rows], np.float32)
        self.labels = [row["label"] for row in self.rows]
        self.binary, self.model, self.place = binary, model, pathlib.Path(place)

    def of_size(self, height, width, count):
        """Pixels [count, height, width, 3], and the scores of PNG files of them."""
        names, pixels = [], []
        for number, path in enumerate(self.files[:count]):
            photo = Image.open(path).convert("RGB").resize((width, height))
            names.append(self.place / f"{height}x{width}-{number}.png")
            photo.save(names[-1])
            pixels.append(np.asarray(photo))
        rows = predicted(self.binary, self.model, names)
        return np.stack(pixels), np.array([list(row["probabilities"].values()) for row in rows], np.float32)


def photos_input(photos):
    tensor = triton.InferInput("photos", [len(photos)], "BYTES")
    tensor.set_data_from_numpy(np.array(photos, dtype=object), binary_data=True)
    return tensor


def pixels_input(pixels, binary):
    tensor = triton.InferInput("pixels", list(pixels.shape), "UINT8")
    tensor.set_data_from_numpy(pixels, binary_data=binary)
    return tensor


def asked(*names, binary=True, **more):
    return [triton.InferRequestedOutput(name, binary_data=binary, **more) for name in names]


def near(answer, expected):
    """How far the scores of an answer are off; an error where that is too far."""
    found = answer.as_numpy("probabilities")
    assert found.shape == expected.shape, f"shape {found.shape}, not {expected.shape}"
    assert found.dtype == np.float32, f"{found.dtype}"
    far = float(np.abs(found - expected).max())
    # Not `far > TOLERANCE`: a NaN compares false with everything.
    assert far <= TOLERANCE, f"scores are {far:.1e} off"
    return f"{far:.0e} off"


def texts(array):
    return [value.decode() if isinstance(value, bytes) else str(value) for value in array.reshape(-1)]


def refused(call, says=""):
    """Why the client gets no answer; an error where it gets one, or where the reason does not say so much."""
    try:
        call()
    except InferenceServerException as error:
        assert says in str(error), f"refused without {says!r}: {error}"
        return str(error).splitlines()[0][:120]
    raise AssertionError("answered, and should have been refused")


def state(checks, client, name):
    """Whether it lives, what it is, which models it has."""

    def holds(value):
        assert value is True, value

    checks.run("live", lambda: holds(client.is_server_live()))
    checks.run("ready", lambda: holds(client.is_server_ready()))
    checks.run("model ready", lambda: holds(client.is_model_ready(name)))
    checks.run("version ready", lambda: holds(client.is_model_ready(name, version(client, name))))
    checks.run("another model is not ready", lambda: holds(not client.is_model_ready(name + "-not")))

    def server():
        told = client.get_server_metadata()
        assert told["name"] and told["version"], told
        assert "binary_tensor_data" in told["extensions"], told
        return f"{told['name']} {told['version']}"

    def model():
        told = client.get_model_metadata(name)
        assert told["name"] == name and told["versions"] and told["platform"], told
        inputs = {tensor["name"]: tensor["datatype"] for tensor in told["inputs"]}
        outputs = {tensor["name"]: tensor["datatype"] for tensor in told["outputs"]}
        assert inputs == {"photos": "BYTES", "pixels": "UINT8"}, inputs
        expected = {"probabilities": "FP32", "labels": "BYTES", "logits": "FP32", "features": "FP32"}
        assert outputs == expected, outputs

    checks.run("server metadata", server)
    checks.run("model metadata", model)


def version(client, name):
    return client.get_model_metadata(name)["versions"][0]


def answers_to_photos(checks, client, name, given):
    """Encoded photos in, scores and labels out."""
    for count in (1, BATCH):
        inputs, scores = [photos_input(given.bytes[:count])], given.scores[:count]
        checks.run(f"photos, batch {count}", lambda i=inputs, s=scores: near(client.infer(name, i), s))
        wanted = asked("probabilities", "labels", binary=False)
        checks.run(
            f"photos, batch {count}, outputs in JSON",
            lambda i=inputs, s=scores, w=wanted: near(client.infer(name, i, outputs=w), s),
        )
    inputs = [photos_input(given.bytes)]

    def defaults():
        answer = client.infer(name, inputs, request_id="seven")
        names = {tensor["name"] for tensor in answer.get_response()["outputs"]}
        assert names == {"probabilities", "labels", "logits"}, names
        assert answer.get_response()["id"] == "seven", answer.get_response()
        assert texts(answer.as_numpy("labels")) == given.labels, "other labels"

    def features_alone():
        answer = client.infer(name, inputs, outputs=asked("features"))
        assert [tensor["name"] for tensor in answer.get_response()["outputs"]] == ["features"]
        found = answer.as_numpy("features")
        assert found.shape == (BATCH, 1280) and np.isfinite(found).all(), found.shape

    def in_the_order_asked():
        answer = client.infer(name, inputs, outputs=asked("labels", "probabilities"))
        assert [tensor["name"] for tensor in answer.get_response()["outputs"]] == ["labels", "probabilities"]
        return near(answer, given.scores)

    def best_classes():
        count = min(2, len(given.classes))
        found = client.infer(name, inputs, outputs=asked("probabilities", class_count=count)).as_numpy("probabilities")
        assert found.shape == (BATCH, count), found.shape
        for row, scores in zip(found, given.scores):
            for place, (text, index) in enumerate(zip(texts(row), np.argsort(-scores, kind="stable"))):
                value, number, label = text.split(":", 2)
                assert abs(float(value) - scores[index]) <= TOLERANCE, f"place {place}: {text}, not {scores[index]}"
                assert (int(number), label) == (index, given.classes[index]), f"place {place}: {text}"

    def at_once():
        asks = [client.async_infer(name, [photos_input(given.bytes[k : k + 1])]) for k in range(BATCH)]
        for k, ask in enumerate(asks):
            near(ask.get_result(timeout=60), given.scores[k : k + 1])

    for check in (defaults, features_alone, in_the_order_asked, best_classes, at_once):
        checks.run(check.__name__.replace("_", " "), check)
    stated = version(client, name)
    checks.run("by version", lambda: near(client.infer(name, inputs, model_version=stated), given.scores))


def answers_to_pixels(checks, client, name, given):
    """Decoded photos in, of the net's size and of another where the metadata allows that."""
    shape = next(t["shape"] for t in client.get_model_metadata(name)["inputs"] if t["name"] == "pixels")
    sizes = [(shape[1], shape[2])] if shape[1] > 0 else [(160, 160), (75, 131)]
    for height, width in sizes:
        for count in (1, BATCH):
            pixels, scores = given.of_size(height, width, count)
            for binary in (True, False):
                inputs = [pixels_input(pixels, binary)]
                checks.run(
                    f"pixels {height}x{width}, batch {count}, in {'binary' if binary else 'JSON'}",
                    lambda i=inputs, s=scores: near(client.infer(name, i), s),
                )


def refusals(checks, client, name, given):
    """What is no photo, or no such tensor."""
    photo = photos_input(given.bytes[:1])
    floats = triton.InferInput("pixels", [1, 160, 160, 3], "FP32")
    floats.set_data_from_numpy(np.zeros((1, 160, 160, 3), np.float32))
    numbers = triton.InferInput("photos", [1], "INT32")
    numbers.set_data_from_numpy(np.zeros(1, np.int32))
    other = triton.InferInput("image", [1], "BYTES")
    other.set_data_from_numpy(np.array([given.bytes[0]], dtype=object))
    pixels = np.zeros((2, 160, 160, 3), np.uint8)
    more = pixels_input(pixels, True)
    more.set_shape([3, 160, 160, 3])
    huge = pixels_input(pixels, True)
    huge.set_shape([1 << 31, 1 << 31, 1 << 31, 3])
    below = pixels_input(pixels, False)
    below.set_shape([-1, 160, 160, 3])
    cases = {
        "pixels of FP32": [floats],
        "photos of INT32": [numbers],
        "an input of another name": [other],
        "pixels of four channels": [pixels_input(np.zeros((1, 160, 160, 4), np.uint8), True)],
        "pixels of three axes": [pixels_input(np.zeros((160, 160, 3), np.uint8), True)],
        "pixels of four channels in JSON": [pixels_input(np.zeros((1, 160, 160, 4), np.uint8), False)],
        "no photo": [photos_input([])],
        "fewer values than the shape says": [more],
        "a shape that overflows": [huge],
        "a shape below nothing": [below],
        "photos and pixels": [photo, pixels_input(pixels, True)],
        "photos twice": [photo, photo],
    }
    for what, inputs in cases.items():
        checks.run(f"refused: {what}", lambda i=inputs: refused(lambda: client.infer(name, i)))
    checks.run("refused: no input", lambda: refused(lambda: client.infer(name, [])))
    checks.run("refused: another model", lambda: refused(lambda: client.infer(name + "-not", [photo])))
    checks.run("refused: another version", lambda: refused(lambda: client.infer(name, [photo], model_version="99")))
    wanted = asked("scores")
    checks.run("refused: another output", lambda: refused(lambda: client.infer(name, [photo], outputs=wanted)))
    mixed = [photos_input([given.bytes[0], b"no photo", given.bytes[1]])]
    checks.run("refused: the second of three is no photo", lambda: refused(lambda: client.infer(name, mixed), "1"))
    checks.run("and goes on", lambda: near(client.infer(name, [photo]), given.scores[:1]))


def either_way(checks, client, name, given):
    """What the protocol leaves open: answered rightly or refused, nothing else."""

    def right_or_refused(call):
        try:
            answer = call()
        except InferenceServerException as error:
            return f"refused: {str(error)[:120]}"
        return f"answered, {near(answer, given.scores[:1])}"

    text = triton.InferInput("photos", [1], "BYTES")
    text.set_data_from_numpy(np.array([base64.b64encode(given.bytes[0])], dtype=object), binary_data=False)
    checks.run("a photo in base64 in JSON", lambda: right_or_refused(lambda: client.infer(name, [text])))
    photo = [photos_input(given.bytes[:1])]
    for way in ("request", "response"):
        words = {f"{way}_compression_algorithm": "gzip"}
        checks.run(f"a compressed {way}", lambda w=words: right_or_refused(lambda: client.infer(name, photo, **w)))


def main(binary, model, photos):
    checks = Checks()
    with tempfile.TemporaryDirectory() as place, running(binary, f"bugs={model}", "--log", "none") as address:
        given = Given(binary, model, photos, place)
        client = triton.InferenceServerClient(address, concurrency=4, network_timeout=60.0)
        state(checks, client, "bugs")
        answers_to_photos(checks, client, "bugs", given)
        answers_to_pixels(checks, client, "bugs", given)
        refusals(checks, client, "bugs", given)
        either_way(checks, client, "bugs", given)
        client.close()
    checks.end()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
