#!/usr/bin/env bash
# Package: keras 3.15.1 with tensorflow-cpu 2.21.0 (Python 3.11).
# Behavior: keras.applications.MobileNetV2 with the same weights gives feature maps of another *shape* for the same photo,
#   by whether a size was stated when the net was built. Built with input_shape=(100, 100, 3) the layers in front of
#   strided convolutions pad an odd image by one pixel on both sides, as SAME padding would. Built with
#   input_shape=(None, None, 3) they take every image for an even one, pad one side only, and each odd step loses a row
#   and a column. Whoever builds a net for any size in order to run it at many sizes gets other features than the nets
#   that were built for those sizes, without a warning.
# Seen: "stated (1, 4, 4, 1280), any (1, 3, 3, 1280), same weights True; at 96: equal True"
# Follow-up for a reader of model files: the padding that the description holds is what counts, not the input's size.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q keras==3.15.1 tensorflow-cpu==2.21.0
cat > "$folder/show.py" <<'PY'
import keras
import numpy as np

keras.utils.set_random_seed(1)
build = lambda shape: keras.applications.MobileNetV2(input_shape=shape, alpha=0.35, include_top=False, weights=None)
stated, free = build((100, 100, 3)), build((None, None, 3))
free.set_weights(stated.get_weights())
same = all(np.array_equal(a, b) for a, b in zip(stated.get_weights(), free.get_weights()))
photo = np.random.default_rng(1).uniform(-1, 1, (1, 100, 100, 3)).astype("float32")
even = build((96, 96, 3))
even.set_weights(stated.get_weights())
equal = np.allclose(even(photo[:, :96, :96]), free(photo[:, :96, :96]), rtol=1e-4, atol=0)
print(f"stated {stated(photo).shape}, any {free(photo).shape}, same weights {same}; at 96: equal {equal}")
PY
seen=$(TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/show.py" 2> "$folder/log" | tail -n 1) || { cat "$folder/log" >&2; exit 1; }
expected="stated (1, 4, 4, 1280), any (1, 3, 3, 1280), same weights True; at 96: equal True"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "changed; expected: $expected" >&2; exit 1; }
