#!/usr/bin/env bash
# Package: keras 3.15.1 and tf_keras 2.21.0, with tensorflow-cpu 2.21.0 (Python 3.11).
# Behavior: the guides of transfer learning build `outputs = head(base(inputs, training=False))` and say that BatchNorm then
#   stays in inference mode when `base.trainable = True` is set for fine-tuning. In tf_keras it does. In Keras 3 `fit` calls the
#   model with training=True and the functional graph hands that down over the False that was given when it was built: each
#   BatchNorm of the base normalizes by its batch and moves its statistics. `model(x, training=True)` does the same. It holds
#   where a layer's own `call` passes False, and for a BatchNorm that is itself not trainable.
# Seen: "keras: statistics kept False; in a layer of its own True; frozen norms True; tf_keras: statistics kept True; in a layer of
#   its own True; frozen norms True"
# Follow-up: docs/finetuning.md; a script that follows the guide as it is written gives other numbers in Keras 3.
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
y = np.array([[0], [1]], "float32")


def kept(k, wrapped=False, frozen=False):
    """Whether one epoch of `fit` leaves the statistics of a base's BatchNorm as they were."""
    base = k.Sequential([k.Input((4,)), k.layers.Dense(4), k.layers.BatchNormalization()])
    norm = base.layers[-1]

    class Inference(k.layers.Layer):
        def __init__(self):
            super().__init__()
            self.base = base

        def call(self, inputs):
            return self.base(inputs, training=False)

    inputs = k.Input((4,))
    inner = Inference()(inputs) if wrapped else base(inputs, training=False)
    model = k.Model(inputs, k.layers.Dense(1)(inner))
    base.trainable = True
    norm.trainable = not frozen
    model.compile("sgd", "mse")
    before = [np.array(norm.moving_mean), np.array(norm.moving_variance)]
    model.fit(x, y, verbose=0)
    return all(np.array_equal(a, b) for a, b in zip(before, [np.array(norm.moving_mean), np.array(norm.moving_variance)]))


print("; ".join(
    f"{k.__name__}: statistics kept {kept(k)}; in a layer of its own {kept(k, wrapped=True)}; frozen norms {kept(k, frozen=True)}"
    for k in (keras, tf_keras)
))
PY
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/show.py" 2> "$folder/log" | tail -n 1) || { cat "$folder/log" >&2; exit 1; }
expected="keras: statistics kept False; in a layer of its own True; frozen norms True; tf_keras: statistics kept True; in a layer of its own True; frozen norms True"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "changed; expected: $expected" >&2; exit 1; }
