#!/usr/bin/env bash
# Package: datasets 5.2.0 of Hugging Face, pyarrow 26.0.1, Pillow 12.0.0 (Python 3.11, Linux).
# Behavior: Dataset.to_parquet of an image folder writes the paths of the photos and no byte of them: the column image.bytes is null in
#   every row, and image.path is the place on the disk of who wrote it. The file is accepted as an image dataset, and its photos are
#   gone on any other machine. push_to_hub embeds them; so does embed_table_storage of datasets.table, called by hand before.
# Seen: "to_parquet: 0 of 3 photos in the file; embedded by hand: 3 of 3". icecap refuses such a file and says why; docs/datasets.md has
#   the lines that embed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pyarrow==26.0.1 pillow==12.0.0
cd "$folder"
HF_HOME="$folder/home" HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - <<'PYTHON'
import pathlib

import datasets
import pyarrow.parquet as pq
from datasets.table import embed_table_storage
from PIL import Image

for number, label in enumerate(["ant", "bee", "bee"]):
    pathlib.Path("photos", label).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (number, 0, 0)).save(f"photos/{label}/{number}.png")
photos = datasets.load_dataset("imagefolder", data_dir="photos", split="train")


def embedded(dataset):
    dataset.to_parquet("photos.parquet")
    rows = pq.read_table("photos.parquet")["image"].to_pylist()
    return sum(row["bytes"] is not None for row in rows), len(rows)


as_is = embedded(photos)
by_hand = embedded(photos.with_format("arrow").map(embed_table_storage, batched=True).with_format(None))
print(f"datasets {datasets.__version__}: to_parquet: {as_is[0]} of {as_is[1]} photos in the file; "
      f"embedded by hand: {by_hand[0]} of {by_hand[1]}")
assert as_is == (0, 3), "datasets does something else now"
assert by_hand == (3, 3), "datasets does something else now"
PYTHON
