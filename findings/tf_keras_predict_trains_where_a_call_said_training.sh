#!/usr/bin/env bash
# Package: keras 3.15.1 and tf_keras 2.21.0, with tensorflow-cpu 2.21.0 (Python 3.11).
# Behavior: a Functional model in which a layer was called with training=True (`base(x, training=True)`), the same lines in
#   both packages, saved and loaded. In tf_keras the True of that call wins over everything: `predict`, and even
#   `model(x, training=False)`, normalize by the statistics of the batch, so that a photo's answer depends on the photos
#   beside it; and each `predict` moves the BatchNorm's moving averages: it changes the weights of the model, outside of
#   any training. In Keras 3 the False of `predict` wins over the True of the call, and nothing of that happens.
#   In both a layer that is not trainable keeps its own statistics, whatever the call said.
# Seen: "keras: alone equals in batch True, weights kept True; tf_keras: alone equals in batch False, weights kept False;
#   frozen: keras True, tf_keras True"
# A reader of model files must refuse or follow it by package, not by the description, which is the same in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q keras==3.15.1 tensorflow-cpu==2.21.0 tf_keras==2.21.0
cat > "$folder/show.py" <<'PY'
import keras
import numpy as np
import tf_keras

x = np.array([[1, 2, 3, 4], [5, 6, 7, 9]], "float32")


def loaded(k, folder):
    inputs = k.Input((4,))
    k.Model(inputs, k.layers.BatchNormalization()(inputs, training=True)).save(f"{folder}/{k.__name__}.keras")
    return k.models.load_model(f"{folder}/{k.__name__}.keras")


def seen(k, folder):
    model = loaded(k, folder)
    before = [w.copy() for w in model.get_weights()]
    together, alone = model.predict(x, verbose=0)[0], model.predict(x[:1], verbose=0)[0]
    kept = all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    return f"{k.__name__}: alone equals in batch {np.allclose(together, alone)}, weights kept {kept}"


def frozen(k, folder):
    model = loaded(k, folder)
    model.trainable = False
    return f"{k.__name__} {np.allclose(model.predict(x, verbose=0)[0], model.predict(x[:1], verbose=0)[0])}"


import sys

packages, folder = (keras, tf_keras), sys.argv[1]
print("; ".join(seen(k, folder) for k in packages) + "; frozen: " + ", ".join(frozen(k, folder) for k in packages))
PY
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/show.py" "$folder" 2> "$folder/log" | tail -n 1) || { cat "$folder/log" >&2; exit 1; }
expected="keras: alone equals in batch True, weights kept True; tf_keras: alone equals in batch False, weights kept False; frozen: keras True, tf_keras True"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "changed; expected: $expected" >&2; exit 1; }
