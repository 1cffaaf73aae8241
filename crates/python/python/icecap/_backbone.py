"""A frozen backbone: photos to features."""

from __future__ import annotations

import os
from typing import Any, Literal, overload

from . import _icecap
from ._photos import Photos, each
from ._values import Errors, Floats, Size, floats, opened_with, raises

__all__ = ["Backbone"]


class Backbone:
    """A frozen MobileNetV2 with its threads: it turns photos into features and never changes.

    Threads may share one. Each call uses all of its threads if nobody else does, and else the caller's own.
    """

    __slots__ = ("_asked", "_own")

    _own: _icecap.Backbone
    _asked: tuple[str, dict[str, Any]] | None

    def __init__(self) -> None:
        raise TypeError("use Backbone.open(name_or_path)")

    @classmethod
    def _of(cls, own: _icecap.Backbone, asked: tuple[str, dict[str, Any]] | None = None) -> Backbone:
        backbone = cls.__new__(cls)
        backbone._own, backbone._asked = own, asked
        return backbone

    @classmethod
    def open(
        cls,
        name_or_path: str | os.PathLike[str] = "starter",
        *,
        size: Size | None = None,
        resize: str | None = None,
        exif: Literal["apply", "ignore"] | None = None,
        dct: Literal["accurate", "fast"] | None = None,
        scaling: str | None = None,
        ema: bool = False,
        precision: Literal["f32", "int8"] | None = None,
        threads: int = 0,
        max_pixels: int | None = None,
    ) -> Backbone:
        """Opens weights.

        :param name_or_path: A weight file, a model file for its backbone, ``"starter"`` for the small weights inside this
            package, or another name of ``icecap weights list``, whose file the program has fetched: nothing is fetched here.
        :param size: Side of the input in pixels, or (rows, columns); by default what the weights were made for.
        :param resize: How a photo becomes that size: ``"squash"``, ``"center-crop"``, ``"crop"`` or ``"cut"``.
        :param exif: Whether a photo is turned as its EXIF orientation says; by default it is.
        :param dct: How JPEGs are decoded.
        :param scaling: What pixels become: ``"-1..1"``, ``"0..1"``, ``"mean R,G,B std R,G,B"`` or ``"scale R,G,B shift R,G,B"``; by
            default what the weights were trained with.
        :param ema: Take the averaged weights that a training's checkpoint holds beside the trained ones.
        :param precision: The numbers that the net computes with.
        :param threads: How many threads; 0 for as many as there are processors.
        :param max_pixels: The largest photo that is read, in pixels; 120 million by default.
        :raises FileNotFoundError: If there is no such file or name, or its file was not fetched.
        :raises ValueError: If the file holds no MobileNetV2, or a setting cannot be used.
        """
        asked = os.fsdecode(name_or_path)
        opening = opened_with(
            size=size,
            resize=resize,
            exif=exif,
            dct=dct,
            scaling=scaling,
            ema=ema,
            precision=precision,
            threads=threads,
            max_pixels=max_pixels,
        )
        return cls._of(_icecap.Backbone.open(asked, opening), (os.path.abspath(asked) if os.path.exists(asked) else asked, opening))

    def _runs_on(self) -> tuple[int, int | None]:
        """How many threads, and the largest photo, as they were asked for; of a classifier's backbone, what it has."""
        if self._asked is not None:
            return self._asked[1]["threads"], self._asked[1]["max_pixels"]
        return self._own.threads(), self._own.limits()[1]

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the input, in pixels."""
        height, width = self._own.size()
        return height, width

    @property
    def width(self) -> int:
        """How many pooled features a photo has: 1280, or more in a net that is wider than 1.0."""
        return self._own.width()

    @property
    def precision(self) -> str:
        """The numbers that the net computes with: ``"f32"`` or ``"int8"``."""
        return self._own.precision()

    @property
    def sha256(self) -> str:
        """The hash of the net as it computes: backbones of one hash give the same features."""
        return self._own.sha256()

    @property
    def threads(self) -> int:
        """How many threads work at once."""
        return self._own.threads()

    @property
    def preprocessing(self) -> str:
        """How a photo becomes the input, in words."""
        return self._own.preprocessing_text()

    @property
    def notes(self) -> list[str]:
        """What one should know who uses these weights, as sentences."""
        return self._own.notes()

    def _each(self, photos: Photos) -> Any:
        return each(photos, self._own.turns_upright(), self._own.limits())

    @overload
    def features(self, photos: Photos, *, errors: Literal["raise"] = "raise") -> Floats: ...

    @overload
    def features(self, photos: Photos, *, errors: Literal["row"]) -> tuple[Floats, list[Exception | None]]: ...

    def features(self, photos: Photos, *, errors: Errors = "raise") -> Floats | tuple[Floats, list[Exception | None]]:
        """Computes the pooled features of photos: the mean of each channel over the photo.

        :param photos: One photo or several, of any kinds.
        :param errors: ``"raise"`` or ``"row"``.
        :returns: float32 [N, F], without a unit, from 0 to 6; F is :attr:`width`. With ``errors="row"`` also a list of N
            entries: ``None``, or the exception of a photo that cannot be used, whose row is NaN.
        """
        raise_errors = raises(errors)
        rows, failed = self._own.features(self._each(photos), raise_errors)
        return floats(rows) if raise_errors else (floats(rows), failed)

    @overload
    def maps(self, photos: Photos, *, errors: Literal["raise"] = "raise") -> Floats: ...

    @overload
    def maps(self, photos: Photos, *, errors: Literal["row"]) -> tuple[Floats, list[Exception | None]]: ...

    def maps(self, photos: Photos, *, errors: Errors = "raise") -> Floats | tuple[Floats, list[Exception | None]]:
        """Computes the feature maps of photos, before they are pooled.

        :param photos: One photo or several, of any kinds.
        :param errors: ``"raise"`` or ``"row"``.
        :returns: float32 [N, h, w, F], without a unit, from 0 to 6; h and w are a 32nd of :attr:`size`, rounded up. At
            224x224 a photo has 251 KB. With ``errors="row"`` also a list as :meth:`features` gives it.
        """
        raise_errors = raises(errors)
        rows, failed = self._own.maps(self._each(photos), raise_errors)
        return floats(rows) if raise_errors else (floats(rows), failed)

    def __reduce__(self) -> Any:
        if self._asked is None:
            raise TypeError("the backbone of a classifier is not pickled alone; pickle the classifier")
        return _reopen, (*self._asked, self.sha256)

    def __repr__(self) -> str:
        return f"<icecap.Backbone of {self.width} features, {self.precision}, {self.preprocessing}>"


def _reopen(asked: str, opening: dict[str, Any], sha256: str) -> Backbone:
    backbone = Backbone._of(_icecap.Backbone.open(asked, opening), (asked, opening))
    if backbone.sha256 != sha256:
        raise ValueError(f"{asked}: holds other weights than when the backbone was pickled")
    return backbone
