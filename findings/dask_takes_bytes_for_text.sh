#!/usr/bin/env bash
# Package: dask 2026.8.0 with its data frames, pandas 3.1.1, pyarrow 26.0.1 (Python 3.11, Linux).
# Behavior: a data frame made of a pandas frame takes a column of Python's bytes for text: it decodes them as UTF-8, which fails for the
#   bytes of a photo's file, and hands on strings where they happen to be valid. The setting behind it, dataframe.convert-string, is on
#   by default; pandas keeps bytes as they are. The bytes of files in a frame are what one maps a classifier over.
# Seen: "by default ('UnicodeDecodeError', ['str']), with convert-string off (['bytes'], ['bytes'])". docs/scale.md says to turn it off.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'dask[dataframe]==2026.8.0' pandas==3.1.1 pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import dask
import dask.dataframe as dd
import pandas as pd

# The first bytes of a JPEG file, and bytes that are valid as text.
photo, plain = b"\xff\xd8\xff\xe0", b"plain"


def seen(values):
    frame = pd.DataFrame({"content": pd.Series(values, dtype=object)})
    assert [type(value) for value in frame["content"]] == [bytes] * len(values), "pandas keeps bytes"
    try:
        return [type(value).__name__ for value in dd.from_pandas(frame, npartitions=1).compute(scheduler="sync")["content"]]
    except UnicodeDecodeError:
        return "UnicodeDecodeError"


by_default = seen([photo]), seen([plain])
with dask.config.set({"dataframe.convert-string": False}):
    turned_off = seen([photo]), seen([plain])
print(f"dask {dask.__version__}: by default {by_default}, with convert-string off {turned_off}")
assert by_default == ("UnicodeDecodeError", ["str"]), "dask does something else now"
assert turned_off == (["bytes"], ["bytes"]), "dask does something else now"
PYTHON
