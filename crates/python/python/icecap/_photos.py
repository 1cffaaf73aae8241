"""What counts as a photo, and how one becomes a path, bytes or pixels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, Union, runtime_checkable

import numpy as np
import numpy.typing as npt

from ._icecap import LimitError

__all__ = ["ImageLike", "Photo", "Photos", "ReadableFile", "each"]


@runtime_checkable
class ReadableFile(Protocol):
    """A file that was opened for reading bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Returns up to ``size`` bytes."""


@runtime_checkable
class ImageLike(Protocol):
    """An image of Pillow, or what looks like one."""

    @property
    def mode(self) -> str:
        """How a pixel is stored, as ``"RGB"``."""

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""

    def convert(self, mode: str, /) -> Any:
        """Returns the image with its pixels in another mode."""

    def tobytes(self) -> bytes:
        """Returns the pixels."""


Photo = Union[
    str,
    "os.PathLike[str]",
    bytes,
    bytearray,
    memoryview,
    ReadableFile,
    ImageLike,
    "npt.NDArray[np.uint8]",
]
"""A photo: a path, the bytes of a file, a file opened for reading bytes, an image of Pillow, or an array of uint8 with the
shape [H, W, 3] (red, green, blue from 0 to 255; rows from the top)."""

Photos = Union[Photo, Iterable[Photo]]
"""One photo, or several of any kinds. An array with the shape [N, H, W, 3] is several."""

Item = Union[str, bytes, "tuple[bytes, int, int]", Exception]

# Modes of Pillow whose colors, converted to RGB, are those that the file's pixels have; alpha is dropped.
_MODES = frozenset(["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"])
# Pillow's numbers of Image.transpose that turn an image with this EXIF orientation upright.
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
_ORIENTATION = 0x0112
# Bytes that are read of a file at once.
_PIECE = 1 << 20


def each(photos: Photos, turns_upright: bool, limits: tuple[int, int]) -> Iterator[Item]:
    """Yields each photo as the extension takes it: a path, the bytes of a file, pixels with columns and rows, or the
    exception that says why there is none. ``limits`` are the most bytes of a file and the most pixels."""
    batch: Iterable[Any] = [photos] if _is_single(photos) else photos  # type: ignore[assignment]
    try:
        iterator = iter(batch)
    except TypeError:
        raise _wrong_kind(photos) from None
    for photo in iterator:
        try:
            yield _item(photo, turns_upright, limits)
        except Exception as error:  # told in the photo's place
            yield error


def _is_single(photos: object) -> bool:
    if isinstance(photos, (str, bytes, bytearray, memoryview, os.PathLike)):
        return True
    if _is_image(photos) or callable(getattr(photos, "read", None)):
        return True
    shape = getattr(photos, "shape", None)
    # An array of objects or texts, as of paths, is several photos.
    dtype = getattr(photos, "dtype", None)
    of_pixels = getattr(dtype, "kind", "O" if dtype is None else "u") not in "OUST"
    return isinstance(shape, tuple) and _is_array(photos) and of_pixels and len(shape) != 4


def _is_image(photo: object) -> bool:
    return all(callable(getattr(photo, name, None)) for name in ("convert", "tobytes")) and hasattr(photo, "mode")


def _is_array(photo: object) -> bool:
    return isinstance(photo, np.ndarray) or hasattr(photo, "__array__") or hasattr(photo, "__array_interface__")


def _item(photo: object, turns_upright: bool, limits: tuple[int, int]) -> Item:
    if isinstance(photo, (str, os.PathLike)):
        path = os.fsdecode(photo)
        if "\0" in path:
            raise ValueError(f"{path!r}: a path has no null character")
        return path
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, (bytearray, memoryview)):
        return bytes(photo)
    if _is_image(photo):
        return _of_image(photo, turns_upright, limits[1])
    if callable(getattr(photo, "read", None)):
        return _of_file(photo, limits[0])
    if _is_array(photo):
        return _of_array(photo, limits[1])
    raise _wrong_kind(photo)


def _wrong_kind(photo: object) -> TypeError:
    return TypeError(
        f"a photo is a path, bytes, a file opened for reading bytes, an image of Pillow or an array of uint8 [H, W, 3], "
        f"and not {type(photo).__name__}"
    )


def _of_file(file: Any, most: int) -> bytes:
    # One byte more tells that there are too many, without reading them all.
    parts: list[bytes] = []
    left = most + 1
    while left > 0:
        part = file.read(min(left, _PIECE))
        if not isinstance(part, (bytes, bytearray, memoryview)):
            raise TypeError(f"a file of a photo gives bytes, and not {type(part).__name__}; open it with mode 'rb'")
        if len(part) == 0:
            break
        parts.append(bytes(part))
        left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _of_image(image: Any, turns_upright: bool, most: int) -> tuple[bytes, int, int]:
    columns, rows = image.size
    _check_pixels(rows, columns, most)
    if image.mode not in _MODES:
        raise ValueError(
            f"an image of mode {image.mode} can become RGB in several ways; convert it to RGB yourself, or give the path or "
            f"the bytes of its file"
        )
    # Pillow turns a TIFF upright while it loads it, and clears the orientation then.
    if callable(getattr(image, "load", None)):
        image.load()
    turn = _TURNS.get(_orientation(image)) if turns_upright else None
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode != "RGB":
        image = image.convert("RGB")
    if turn is not None:
        image = image.transpose(turn)
    columns, rows = image.size
    return image.tobytes(), columns, rows


def _orientation(image: Any) -> int:
    exif = getattr(image, "getexif", None)
    value = exif().get(_ORIENTATION) if callable(exif) else None
    return value if isinstance(value, int) else 1


def _of_array(photo: object, most: int) -> tuple[bytes, int, int]:
    array = np.asarray(photo)
    if array.dtype != np.uint8:
        raise TypeError(
            f"an array of a photo has the dtype uint8, red, green and blue from 0 to 255, and not {array.dtype}; of numbers "
            f"from 0 to 1 (array * 255).round().astype('uint8') makes it"
        )
    if array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(
            f"an array of a photo has the shape [H, W, 3], and not {list(array.shape)}; of a gray one "
            f"numpy.stack([gray] * 3, axis=-1) makes it, and array[..., :3] drops alpha"
        )
    rows, columns, _ = array.shape
    _check_pixels(rows, columns, most)
    # A copy, in the order of rows whatever the strides: nobody can change it while threads read it.
    return array.tobytes(), columns, rows


def _check_pixels(rows: int, columns: int, most: int) -> None:
    if rows * columns > most:
        raise LimitError(f"{columns}x{rows} pixels are above the limit of {most}; open with a larger max_pixels, or scale the photo down")
