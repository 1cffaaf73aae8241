"""A trained classifier: photos to labels."""

from __future__ import annotations

import json
import os
from typing import Any, Literal, TypedDict, overload

import numpy.typing as npt

from . import _icecap
from ._backbone import Backbone
from ._photos import Photos, each
from ._values import Errors, Floats, count, floats, raises, rows_of_features

__all__ = ["Choice", "Classifier", "Row"]


class Choice(TypedDict):
    """A class and its probability."""

    label: str
    probability: float


class _Always(TypedDict):
    path: str | None
    label: str | None
    probability: float | None
    true_label: str | None
    error: str | None


class Row(_Always, total=False):
    """What is said of one photo: the object of ``icecap predict --json``, field for field.

    ``path`` is that of the photo's file, ``None`` for a photo in memory; ``label`` and ``probability`` (from 0 to 1) are those
    of the most probable class, ``None`` if the photo cannot be used; ``true_label`` is the class whose folder the photo lies
    in; ``error`` says why a photo cannot be used; ``heatmap`` has the bytes of a PNG file. The others are there if they were asked for, or the model has them.
    """

    top: list[Choice]
    labels: list[Choice]
    probabilities: dict[str, float] | None
    best_guess: str | None
    novelty: float | None
    heatmap: bytes | None


class Classifier:
    """A trained classifier. It never changes.

    Threads may share one. Each call uses all of its threads if nobody else does, and else the caller's own.
    """

    __slots__ = ("_opening", "_own")

    _own: _icecap.Classifier
    _opening: dict[str, Any]

    def __init__(self) -> None:
        raise TypeError("use Classifier.open(path)")

    @classmethod
    def _of(cls, own: _icecap.Classifier, opening: dict[str, Any]) -> Classifier:
        classifier = cls.__new__(cls)
        classifier._own, classifier._opening = own, opening
        return classifier

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        backbone: Backbone | None = None,
        threads: int = 0,
        max_pixels: int | None = None,
    ) -> Classifier:
        """Opens the model file that a training has left.

        :param path: The file.
        :param backbone: For a model that was saved without its backbone: the one that it was trained on.
        :param threads: How many threads; 0 for as many as there are processors. Without effect beside ``backbone``.
        :param max_pixels: The largest photo that is read, in pixels; 120 million by default.
        :raises FileNotFoundError: If there is no such file.
        :raises ValueError: If it is no model, or needs its backbone.
        """
        opening = _opening(backbone, threads, max_pixels)
        return cls._of(_icecap.Classifier.open(os.fsdecode(path), opening), opening)

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        *,
        backbone: Backbone | None = None,
        threads: int = 0,
        max_pixels: int | None = None,
    ) -> Classifier:
        """Opens a model file that is held in memory; the rest as :meth:`open`."""
        opening = _opening(backbone, threads, max_pixels)
        return cls._of(_icecap.Classifier.from_bytes(bytes(data), opening), opening)

    def to_bytes(self) -> bytes:
        """The bytes of the model file, its backbone included."""
        return self._own.to_bytes()

    def save(self, path: str | os.PathLike[str], *, head_only: bool = False) -> None:
        """Saves the model in one step: the old file or the whole new one is seen at ``path``, never a part.

        :param head_only: Leave the backbone out; whoever opens the file needs it then.
        """
        self._own.save(os.fsdecode(path), head_only)

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of their probabilities."""
        return self._own.classes()

    @property
    def backbone(self) -> Backbone:
        """The backbone, with the classifier's own size and preprocessing."""
        return Backbone._of(self._own.backbone())

    @property
    def training(self) -> dict[str, str]:
        """What is known of the training, by name."""
        return self._own.training()

    @property
    def temperature(self) -> float:
        """The number by which logits are divided before they become probabilities."""
        return self._own.temperature()

    @property
    def threshold(self) -> float:
        """The probability from which the second of two classes is told."""
        return self._own.threshold()

    def _each(self, photos: Photos) -> Any:
        return each(photos, self._own.turns_upright(), self._own.limits())

    def predict(
        self,
        photos: Photos,
        *,
        top: int = 1,
        all: bool = False,
        reject_below: float | None = None,
        reject_novel: float | None = None,
        tta: bool = False,
        heatmap: bool = False,
        errors: Errors = "raise",
    ) -> list[Row]:
        """Says what is on photos.

        :param photos: One photo or several, of any kinds.
        :param top: How many classes to list for each photo under ``top``, the most probable first.
        :param all: Tell the probability of every class, under ``probabilities``.
        :param reject_below: The label is ``"none"`` where the most probable class has less than this probability; it is told
            as ``best_guess`` then.
        :param reject_novel: The label is ``"none"``, too, where the photo's novelty is above this limit; 1 as of 2 of 100
            photos of the classes.
        :param tta: Look at each photo and its mirror image and take the mean: twice the time.
        :param heatmap: Draw for each photo which places spoke for its class, under ``heatmap``: the bytes of a PNG file as
            ``icecap predict --heatmap`` writes it, ``None`` for a photo that cannot be used.
        :param errors: ``"raise"``, or ``"row"`` to have the error of a photo under ``error``.
        :returns: A row for each photo, in their order.
        """
        options = {
            "top": count("top", top, 1),
            "all": bool(all),
            "reject_below": reject_below,
            "reject_novel": reject_novel,
        }
        how = (bool(tta), bool(heatmap))
        text, drawn = self._own.predict(self._each(photos), options, how, raises(errors))
        rows: list[Row] = json.loads(text)
        for row, picture in zip(rows, drawn):
            row["heatmap"] = picture
        for row in rows:
            # A photo in memory has no path, which the extension tells as an empty one.
            row["path"] = row["path"] or None
        return rows

    @overload
    def probabilities(self, photos: Photos, *, tta: bool = False, errors: Literal["raise"] = "raise") -> Floats: ...

    @overload
    def probabilities(
        self, photos: Photos, *, tta: bool = False, errors: Literal["row"]
    ) -> tuple[Floats, list[Exception | None]]: ...

    def probabilities(
        self, photos: Photos, *, tta: bool = False, errors: Errors = "raise"
    ) -> Floats | tuple[Floats, list[Exception | None]]:
        """Computes the probability of every class.

        :param photos: One photo or several, of any kinds.
        :param tta: Look at each photo and its mirror image and take the mean.
        :param errors: ``"raise"`` or ``"row"``.
        :returns: float32 [N, classes], from 0 to 1, in the order of :attr:`classes`. With ``errors="row"`` also a list of N
            entries: ``None``, or the exception of a photo that cannot be used, whose row is NaN.
        """
        raise_errors = raises(errors)
        rows, failed = self._own.probabilities(self._each(photos), bool(tta), raise_errors)
        return floats(rows) if raise_errors else (floats(rows), failed)

    @overload
    def heatmaps(self, photos: Photos, *, label: str | None = None, errors: Literal["raise"] = "raise") -> Floats: ...

    @overload
    def heatmaps(
        self, photos: Photos, *, label: str | None = None, errors: Literal["row"]
    ) -> tuple[Floats, list[Exception | None]]: ...

    def heatmaps(
        self, photos: Photos, *, label: str | None = None, errors: Errors = "raise"
    ) -> Floats | tuple[Floats, list[Exception | None]]:
        """Computes which places of photos spoke for a class: what ``icecap predict --heatmap`` draws.

        :param photos: One photo or several, of any kinds.
        :param label: The class; by default the one that is predicted for each photo.
        :param errors: ``"raise"`` or ``"row"``.
        :returns: float32 [N, h, w], the share of each place in the class's logit: above 0 where it speaks for the class, below
            where against. h and w are a 32nd of the input's rows and columns, rounded up, and cover the whole of it. With
            ``errors="row"`` also a list as :meth:`probabilities` gives it.
        """
        raise_errors = raises(errors)
        classes = self.classes
        if label is not None and label not in classes:
            raise ValueError(f"label: no class {label!r} in the model; there are {', '.join(classes[:20])}")
        number = None if label is None else classes.index(label)
        maps, failed = self._own.heatmaps(self._each(photos), number, raise_errors)
        return floats(maps) if raise_errors else (floats(maps), failed)

    def probabilities_of_features(self, features: npt.ArrayLike) -> Floats:
        """Computes the probability of every class from pooled features of the classifier's own backbone.

        :param features: float32 [N, F], as :meth:`Backbone.features` gives them.
        :returns: float32 [N, classes].
        :raises ValueError: For another F than the head's, and for NaN.
        """
        rows = rows_of_features(features)
        return floats(self._own.of_features(rows.tobytes(), rows.shape[1]))

    def __reduce__(self) -> Any:
        opening = {**self._opening, "backbone": None}
        return _reopen, (self.to_bytes(), opening)

    def __repr__(self) -> str:
        return f"<icecap.Classifier of {len(self.classes)} classes: {', '.join(self.classes[:5])}{', …' if len(self.classes) > 5 else ''}>"


def _opening(backbone: Backbone | None, threads: int, max_pixels: int | None) -> dict[str, Any]:
    return {
        "backbone": None if backbone is None else backbone._own,
        "threads": count("threads", threads, 0),
        "max_pixels": None if max_pixels is None else count("max_pixels", max_pixels, 1),
    }


def _reopen(data: bytes, opening: dict[str, Any]) -> Classifier:
    return Classifier._of(_icecap.Classifier.from_bytes(data, opening), opening)
