"""Values that several calls take and give."""

from __future__ import annotations

from typing import Any, Literal, Union

import numpy as np
import numpy.typing as npt

from ._icecap import Array

Errors = Literal["raise", "row"]
"""What becomes of a photo that cannot be used: ``"raise"`` ends the call with its exception, ``"row"`` goes on and gives the
error in the photo's place."""

Size = Union[int, "tuple[int, int]"]
"""The side of a square in pixels, or rows and columns."""

Floats = npt.NDArray[np.float32]


def raises(errors: str) -> bool:
    """Whether an unusable photo ends the call."""
    if errors not in ("raise", "row"):
        raise ValueError(f"errors: {errors!r} is neither 'raise' nor 'row'")
    return errors == "raise"


def floats(array: Array) -> Floats:
    """The numbers of the extension as an array, without a copy."""
    taken: Floats = np.asarray(array)
    return taken


def sides(size: Size | None) -> tuple[int, int] | None:
    """Rows and columns of a size."""
    if size is None:
        return None
    height, width = (size, size) if isinstance(size, int) else size
    for side in (height, width):
        if isinstance(side, bool) or not isinstance(side, (int, np.integer)) or side < 1:
            raise ValueError(f"size: {size!r} is none; use the side in pixels, or (rows, columns)")
    return int(height), int(width)


def count(name: str, value: Any, least: int) -> int:
    """A whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: a whole number is needed, and not {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name}: {value} is below {least}")
    return int(value)


def opened_with(
    *,
    size: Size | None,
    resize: str | None,
    exif: str | None,
    dct: str | None,
    scaling: str | None,
    ema: bool,
    precision: str | None,
    threads: int,
    max_pixels: int | None,
) -> dict[str, Any]:
    """What weights are opened with, as the extension takes it."""
    return {
        "size": sides(size),
        "resize": resize,
        "exif": exif,
        "dct": dct,
        "scaling": scaling,
        "ema": bool(ema),
        "precision": precision,
        "threads": count("threads", threads, 0),
        "max_pixels": None if max_pixels is None else count("max_pixels", max_pixels, 1),
    }


def rows_of_features(features: npt.ArrayLike) -> Floats:
    """Features as float32 [N, F], row by row; NaN and infinities are refused."""
    array = np.ascontiguousarray(features, dtype=np.float32)
    if array.ndim != 2:
        raise ValueError(f"features have the shape [N, F], and not {list(array.shape)}")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if bad.size:
        raise ValueError(f"features: row {bad[0]} holds NaN or infinity, as do {bad.size - 1} others; leave such rows out")
    return array
