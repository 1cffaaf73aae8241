"""Where golden files lie and how they are written.

Not a script: the others import it. needs: numpy, safetensors
"""

import pathlib

import numpy as np
from safetensors.numpy import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests/golden"
# The tests only know these; an f64 array here would be a mistake of the script.
DTYPES = {np.dtype("uint8"), np.dtype("float32"), np.dtype("int64")}


def write(path, tensors, modules):
    """Save tensors as safetensors and say how large the file is; `modules` are named in it with their versions.

    One metadata entry only: the container does not keep the order of several, and a second run shall give the
    same bytes.
    """
    for name, array in tensors.items():
        assert array.dtype in DTYPES, f"{name} is {array.dtype}"
    made_with = ", ".join(f"{m.__name__} {m.__version__}" for m in modules)
    tensors = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    save_file(tensors, path, metadata={"made_with": made_with})
    path.chmod(0o644)
    print(f"{path.name}: {path.stat().st_size} bytes, {len(tensors)} tensors, {made_with}")
