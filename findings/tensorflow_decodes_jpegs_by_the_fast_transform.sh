#!/usr/bin/env bash
# Package: tensorflow-cpu 2.21.0 and Pillow 13.0.0 (Python 3.11).
# Behavior: `tf.io.decode_jpeg`, and `keras.utils.image_dataset_from_directory` with it, decode a JPEG by libjpeg's fast integer
#   transform unless they are told otherwise, while Pillow (`keras.utils.load_img`), OpenCV and torchvision take the accurate one:
#   the same file gives one Keras model two inputs, here a level apart on average. Asked for
#   `dct_method="INTEGER_ACCURATE"` TensorFlow gives Pillow's pixels to the bit.
# Seen: "by default: 4 levels off at most, 1.02 in the mean; INTEGER_ACCURATE: 0 levels off"
# Follow-up: docs/photos.md, `--dct fast`, which is the default of classifiers that are imported from a model file of Keras.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q tensorflow-cpu==2.21.0 pillow==13.0.0
cat > "$folder/show.py" <<'PY'
import io

import numpy as np
import tensorflow as tf
from PIL import Image

# Hills of some widths and colors, with a grain: a photo's spectrum, more or less.
y, x = np.mgrid[0:240, 0:320]
levels = [128 + 60 * np.sin(x / a) * np.cos(y / b) + 30 * np.sin((x + 2 * y) / 5) for a, b in ((9, 23), (14, 7), (31, 11))]
grain = (x * 7919 + y * 104729) % 41 - 20
picture = np.clip(np.stack(levels, -1) + grain[..., None], 0, 255).astype("uint8")
out = io.BytesIO()
Image.fromarray(picture).save(out, "JPEG", quality=90)
pillow = np.asarray(Image.open(out)).astype(int)


def off(**how):
    return np.abs(tf.io.decode_jpeg(out.getvalue(), channels=3, **how).numpy() - pillow)


default, accurate = off(), off(dct_method="INTEGER_ACCURATE")
print(f"by default: {default.max()} levels off at most, {default.mean():.2f} in the mean; INTEGER_ACCURATE: {accurate.max()} levels off")
PY
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/show.py" 2> "$folder/log" | tail -n 1) || { cat "$folder/log" >&2; exit 1; }
expected="by default: 4 levels off at most, 1.02 in the mean; INTEGER_ACCURATE: 0 levels off"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "changed; expected: $expected" >&2; exit 1; }
