#!/usr/bin/env bash
# Package: keras 3.15.1 and tf_keras 2.21.0, with tensorflow-cpu 2.21.0 (Python 3.11).
# Behavior: a model with RandomCrop(8, 8) states an output of 8x8, in both packages. When it predicts, tf_keras crops the middle
#   (or enlarges a smaller image) to 8x8; Keras 3 passes the image as it came, 12x20, and nothing fails: a convolutional net behind
#   it computes on another size than the model's summary says.
# Seen: "keras: stated (None, 8, 8, 3), predicted (2, 12, 20, 3); tf_keras: stated (None, 8, 8, 3), predicted (2, 8, 8, 3)"
# Follow-up for a reader of model files: the layer is refused by name; the same description means two things.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q keras==3.15.1 tensorflow-cpu==2.21.0 tf_keras==2.21.0
cat > "$folder/show.py" <<'PY'
import keras
import numpy as np
import tf_keras

photos = np.arange(2 * 12 * 20 * 3).reshape(2, 12, 20, 3).astype("float32")


def seen(k):
    inputs = k.Input((12, 20, 3))
    model = k.Model(inputs, k.layers.RandomCrop(8, 8)(inputs))
    return f"{k.__name__}: stated {model.output_shape}, predicted {model.predict(photos, verbose=0).shape}"


print("; ".join(seen(k) for k in (keras, tf_keras)))
PY
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/show.py" 2> "$folder/log" | tail -n 1) || { cat "$folder/log" >&2; exit 1; }
expected="keras: stated (None, 8, 8, 3), predicted (2, 12, 20, 3); tf_keras: stated (None, 8, 8, 3), predicted (2, 8, 8, 3)"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "changed; expected: $expected" >&2; exit 1; }
