#!/usr/bin/env bash
# Package: keras 3.15.1 and tf_keras 2.21.0, with tensorflow-cpu 2.21.0 (Python 3.11).
# Behavior: a Resizing layer in a model whose Input is of u8 gives u8 in Keras 3: interpolated values are rounded to whole
#   numbers and saturated before the next layer sees them. The same layer in tf_keras, and in Keras 3 behind an Input of
#   f32 (the default), gives unrounded f32. So the dtype of the input layer alone changes a model's predictions, by up to
#   half a gray level in each pixel, although the layer's own compute dtype is float32 in all cases.
# Seen: "keras u8 uint8 [5.0, 9.0, 13.0, 17.0, 22.0], keras f32 float32 [4.8, 9.0, 13.2, 17.4, 21.6], tf_keras u8 float32 [4.8, 9.0, 13.2, 17.4, 21.6]"
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q keras==3.15.1 tensorflow-cpu==2.21.0 tf_keras==2.21.0
cat > "$folder/show.py" <<'PY'
import keras
import numpy as np
import tf_keras

photo = (np.arange(7 * 7 * 3).reshape(1, 7, 7, 3)).astype("uint8")


def resized(k, dtype):
    inputs = k.Input((None, None, 3), dtype=dtype)
    outputs = np.array(k.Model(inputs, k.layers.Resizing(5, 5)(inputs))(photo.astype(dtype)))
    return f"{outputs.dtype} {[float(round(v, 2)) for v in outputs[0, 0, :, 0].astype('float64')]}"


print(f"keras u8 {resized(keras, 'uint8')}, keras f32 {resized(keras, 'float32')}, tf_keras u8 {resized(tf_keras, 'uint8')}")
PY
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/show.py" 2> "$folder/log" | tail -n 1) || { cat "$folder/log" >&2; exit 1; }
expected="keras u8 uint8 [5.0, 9.0, 13.0, 17.0, 22.0], keras f32 float32 [4.8, 9.0, 13.2, 17.4, 21.6], tf_keras u8 float32 [4.8, 9.0, 13.2, 17.4, 21.6]"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "changed; expected: $expected" >&2; exit 1; }
