"""Training: photos or features with their labels become a classifier."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict, Union

import numpy as np
import numpy.typing as npt

from . import _icecap
from ._backbone import Backbone
from ._classifier import Classifier
from ._command import words
from ._options import head, number, whole
from ._photos import Photo, each
from ._values import Size, opened_with, rows_of_features

__all__ = ["Finding", "Progress", "Run", "check", "train"]

# The largest photo by default, in pixels. A file may have two bytes a pixel.
_PIXELS = 120_000_000

Path = Union[str, "os.PathLike[str]"]
Label = Union[str, int]


class _Stage(TypedDict):
    stage: str


class Progress(_Stage, total=False):
    """How far a piece of work is: ``stage`` is ``"features"``, ``"quantizing"``, ``"tuning"``, ``"looking"``, ``"comparing"`` or
    ``"confirming"``, with ``done`` of so many ``photos``; or ``"epoch"`` or ``"tuned epoch"``, with the figures of the epoch that
    has ended: losses in nats, accuracies from 0 to 1, ``None`` where there are no photos to measure on."""

    done: int
    photos: int
    epoch: dict[str, Any]


class Finding(TypedDict):
    """Something that a check has found: how much it matters (``"error"``, ``"warning"``, ``"note"``), a word for what it is
    about, a sentence, and the photos, classes and parts that it is about."""

    level: str
    kind: str
    message: str
    photos: list[str]
    classes: list[str]
    parts: list[str]


class Run:
    """What a training leaves: the classifier, and how good it is."""

    __slots__ = ("_opening", "_own")

    _own: _icecap.Run
    _opening: dict[str, Any]

    def __init__(self) -> None:
        raise TypeError("use train(photos)")

    @classmethod
    def _of(cls, own: _icecap.Run, threads: int, max_pixels: int | None) -> Run:
        run = cls.__new__(cls)
        run._own = own
        run._opening = {"backbone": None, "threads": threads, "max_pixels": max_pixels}
        return run

    @property
    def classifier(self) -> Classifier:
        """The classifier, ready to use and to save."""
        return Classifier._of(self._own.classifier(), self._opening)

    @property
    def metrics(self) -> dict[str, Any]:
        """How good the classifier is, under the names of ``metrics.json`` in a run's folder (``docs/run-folder.md``): losses in
        nats, accuracies from 0 to 1, ``None`` where there is nothing to measure on."""
        metrics: dict[str, Any] = json.loads(self._own.metrics())
        # There it is the file beside it, and here there is none.
        del metrics["model"]
        return metrics

    @property
    def split(self) -> list[tuple[str, str, str]]:
        """The part (``"train"``, ``"val"``, ``"test"``), the class and the path of each photo that could be read; photos in memory
        are called ``CLASS/NUMBER``."""
        return self._own.split()

    def report(self, path: Path) -> None:
        """Writes the page that ``icecap train`` leaves as ``report.html`` of the same training: how good the classifier is, on which
        photos it errs and where it looked, which labels are doubtful. One HTML file that stands alone and names no folder of this
        machine but that which ``path`` lies in.

        Photos are read once more, some two hundred at most; of photos in memory a run keeps those, and until its first page the
        features of all (5 KB a photo). A run of features has a page without pictures. The command on the page is the one that does the same as this call did.

        :param path: The file to write, as ``"icecap-run/report.html"``; its folder is there. A file of that name is replaced.
        :raises LimitError: If there are more than 4096 classes.
        :raises OSError: If the file cannot be written.
        :raises KeyboardInterrupt: Soon after Ctrl-C.
        """
        self._own.report(os.fsdecode(path))

    def save(self, path: Path, *, head_only: bool = False) -> None:
        """Saves the model, as :meth:`Classifier.save` does."""
        self.classifier.save(path, head_only=head_only)

    def __repr__(self) -> str:
        accuracy = self.metrics.get("val_accuracy")
        told = "not validated" if accuracy is None else f"validation accuracy {accuracy:.3f}"
        return f"<icecap.Run of {len(self.classifier.classes)} classes, {told}>"


def train(
    data: Path | Iterable[tuple[Photo, Label]] | npt.ArrayLike,
    labels: Sequence[Label] | npt.NDArray[Any] | None = None,
    *,
    weights: Path | None = None,
    backbone: Backbone | None = None,
    classes: Path | Sequence[str] | None = None,
    val: Path | None = None,
    val_split: float | None = None,
    folds: int | None = None,
    exclude: Path | None = None,
    root: Path | None = None,
    extension: str | None = None,
    group: str | None = None,
    size: Size | None = None,
    resize: str | None = None,
    exif: Literal["apply", "ignore"] | None = None,
    dct: Literal["accurate", "fast"] | None = None,
    scaling: str | None = None,
    ema: bool = False,
    precision: Literal["f32", "int8"] | None = None,
    augment: str | None = None,
    views: int | None = None,
    optimizer: str | None = None,
    epochs: int | Literal["auto"] | None = None,
    lr: float | Literal["find"] | None = None,
    l2: float | Literal["auto"] | None = None,
    batch: int | None = None,
    dropout: float | None = None,
    hidden: int | None = None,
    schedule: str | None = None,
    warmup: int | None = None,
    early_stop: int | None = None,
    label_smoothing: float | None = None,
    class_weight: Literal["none", "balanced", "sqrt"] | None = None,
    seed: int = 0,
    unfreeze: str | None = None,
    tune_epochs: int | None = None,
    tune_lr: float | None = None,
    tune_optimizer: str | None = None,
    tune_schedule: str | None = None,
    tune_warmup: float | None = None,
    tune_batch: int | None = None,
    tune_early_stop: int | None = None,
    freeze_norm: bool | None = None,
    threshold: str | float | None = None,
    positive: str | None = None,
    strict: bool = False,
    threads: int = 0,
    max_pixels: int | None = None,
    cache: bool = True,
    progress: Callable[[Progress], object] | None = None,
) -> Run:
    """Trains a classifier. The options are those of ``icecap train``, with its defaults and its refusals; the model that comes out
    is the same file, byte for byte.

    :param data: A folder with a folder of photos for each class (or train/, val/ and test/ with these), a .zip file of such a
        folder, or a .csv file with columns path and label. Or pairs of a photo and its label. Or, with ``labels``, features:
        float32 [N, F], as :meth:`Backbone.features` gives them.
    :param labels: The class of each row of features, by name or number.
    :param weights: Weights by name or file; by default the small ones inside this package.
    :param backbone: The backbone that features were made with, which the classifier then runs on.
    :param classes: The names of the classes in the order in which they are numbered: a file with a name a line for a folder, else
        the names themselves. By default a folder's are in natural order, others are sorted.
    :param val: Folder with the validation photos.
    :param val_split: Share of each class that is held back for validation, from 0 to 1; by default 0.2.
    :param folds: Judge the training photos by so many folds, too; nothing is then held back.
    :param group: A regular expression on the path below the class folder: photos with the same match stay together. Or
        ``"duplicates"``: photos that are copies of each other, as :func:`check` finds them, do.
    :param size: Side of the input in pixels, or (rows, columns).
    :param scaling: What pixels become, as :meth:`Backbone.open` takes it.
    :param ema: Take the averaged weights that a training's checkpoint holds beside the trained ones.
    :param precision: ``"int8"`` quantizes the net with photos of the training.
    :param augment: Learn from views of each photo, too, as ``"flip,crop:0.8"``; ``views`` says how many, by default 4.
    :param progress: Called now and then by the thread that trains; what it raises ends the training.
    :returns: What the training leaves. Nothing is written but features, into the cache folder of the program, unless ``cache`` is
        false.
    :raises ValueError: For options and photos that cannot be trained on.
    :raises FileNotFoundError: If the folder, or the weights, are not there.
    :raises KeyboardInterrupt: Soon after Ctrl-C.
    """
    asked_for = dict(locals())
    texts = head(
        {
            "optimizer": optimizer,
            "epochs": epochs,
            "lr": lr,
            "l2": l2,
            "batch": batch,
            "dropout": dropout,
            "hidden": hidden,
            "schedule": schedule,
            "warmup": warmup,
            "early_stop": early_stop,
            "label_smoothing": label_smoothing,
            "class_weight": class_weight,
            "seed": seed,
            "unfreeze": unfreeze,
            "tune_epochs": tune_epochs,
            "tune_lr": tune_lr,
            "tune_optimizer": tune_optimizer,
            "tune_schedule": tune_schedule,
            "tune_warmup": tune_warmup,
            "tune_batch": tune_batch,
            "tune_early_stop": tune_early_stop,
            "freeze_norm": freeze_norm,
        }
    )
    _together("val_split", val_split, {"val": val, "folds": folds})
    if views is not None and augment is None:
        raise ValueError("views: is about augment; say that, too")
    if positive is not None and threshold is None:
        raise ValueError("positive: is about threshold; say that, too")
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
    asked = {
        "head": texts,
        "weights": None if weights is None else os.fsdecode(weights),
        "input": opening,
        "folds": None if folds is None else int(whole("folds", folds, 2, 100)),
        "share": _share(val_split),
        "augment": augment,
        "views": int(whole("views", 4 if views is None else views, 2, 64)),
        "threshold": None if threshold is None else str(threshold),
        "positive": positive,
        "strict": bool(strict),
        "cache": bool(cache),
        "words": words(asked_for) if isinstance(data, (str, os.PathLike)) else [],
    }
    call = None if progress is None else lambda text: progress(json.loads(text))
    listed = {"val": val, "exclude": exclude, "root": root, "extension": extension, "group": group}
    if isinstance(data, (str, os.PathLike)):
        _refuse("a folder of photos", {"labels": labels, "backbone": backbone})
        if classes is not None and not isinstance(classes, (str, os.PathLike)):
            raise TypeError("classes: for a folder it is a file with the name of a class a line")
        own = _icecap.train_folder(_listed(data, classes, **listed), asked, call)
        return Run._of(own, opening["threads"], opening["max_pixels"])
    if isinstance(classes, (str, os.PathLike)):
        raise TypeError("classes: for photos and features that are at hand they are the names themselves")
    _refuse("photos or features that are at hand", listed)
    if labels is not None:
        others = {"weights": weights, "augment": augment, "size": size, "resize": resize, "exif": exif, "dct": dct}
        others |= {"precision": precision, "threads": threads or None, "max_pixels": max_pixels, "strict": strict or None}
        others |= {"scaling": scaling, "ema": ema or None}
        _refuse("features, which are made already", others)
        if backbone is None:
            raise TypeError("backbone: say which backbone has made the features; the classifier runs on it")
        rows = rows_of_features(data)  # type: ignore[arg-type]
        numbers, names = _numbered(list(labels), classes)
        if len(numbers) != len(rows):
            raise ValueError(f"labels: {len(numbers)} for {len(rows)} rows of features; give one for each")
        own = _icecap.train_features(backbone._own, rows.tobytes(), (numbers, names), asked, call)
        return Run._of(own, *backbone._runs_on())
    _refuse("photos with their labels", {"backbone": backbone})
    photos, given = _pairs(data)
    numbers, names = _numbered(given, classes)
    most = _PIXELS if max_pixels is None else max_pixels
    items: Iterator[object] = each(photos, exif != "ignore", (2 * max(most, _PIXELS), most))
    own = _icecap.train_photos(items, numbers, names, asked, call)
    return Run._of(own, opening["threads"], opening["max_pixels"])


def check(
    folder: Path,
    *,
    backbone: Backbone | None = None,
    val: Path | None = None,
    exclude: Path | None = None,
    classes: Path | None = None,
    root: Path | None = None,
    extension: str | None = None,
    similar: float | None = None,
    cache: bool = True,
    progress: Callable[[Progress], object] | None = None,
) -> list[Finding]:
    """Looks at a dataset before it is trained on: photos that cannot be read, copies, doubtful labels, rare classes.

    :param folder: As the first argument of :func:`train`.
    :param backbone: What photos are compared by; the starter by default.
    :param similar: Likeness from which photos are told as nearly the same, from 0.4 to 1; by default 0.75.
    :returns: What was found, errors first: the ``findings`` of ``icecap check --json``, but for whole paths.
    """
    if similar is not None and not 0.4 <= similar <= 1:
        raise ValueError("similar: use a likeness from 0.4 to 1, as 0.75")
    own = (Backbone.open("starter") if backbone is None else backbone)._own
    call = None if progress is None else lambda text: progress(json.loads(text))
    listed = {"val": val, "exclude": exclude, "root": root, "extension": extension, "group": None}
    findings: list[Finding] = json.loads(
        _icecap.check_folder(own, _listed(folder, classes, **listed), similar, bool(cache), call)
    )
    return findings


def _share(val_split: float | None) -> float:
    if val_split is None:
        return 0.2
    number("val_split", val_split, "> 0")
    if not val_split < 1:
        raise ValueError(f"val_split: {val_split} is no share; use one between 0 and 1, as 0.2")
    return float(val_split)


def _listed(folder: Path, classes: Path | None, **others: Any) -> dict[str, Any]:
    paths = {"folder": folder, "classes": classes, **others}
    return {name: os.fsdecode(value) if isinstance(value, os.PathLike) else value for name, value in paths.items()}


def _together(name: str, value: object, others: Mapping[str, object]) -> None:
    for other, given in others.items():
        if value is not None and given is not None:
            raise ValueError(f"{name}: goes without {other}; leave one of them out")


def _refuse(what: str, given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name}: has no use beside {what}; leave it out")


def _pairs(data: object) -> tuple[list[Any], list[Any]]:
    try:
        pairs = [tuple(pair) for pair in data]  # type: ignore[attr-defined]
    except TypeError:
        raise TypeError("train takes a folder, pairs of a photo and its label, or features and labels") from None
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("each photo stands in a pair with its label: (photo, label)")
    return [photo for photo, _ in pairs], [label for _, label in pairs]


def _numbered(labels: list[Any], classes: Sequence[str] | None) -> tuple[list[int], list[str]]:
    labels = [label.item() if isinstance(label, np.generic) else label for label in labels]
    for label in labels:
        if isinstance(label, bool) or not isinstance(label, (str, int)):
            raise TypeError(f"a label is the name or the number of a class, and not {label!r}")
    if len({isinstance(label, str) for label in labels}) == 2:
        raise TypeError("labels are names or numbers, and not both")
    names = [str(label) for label in sorted(set(labels))] if classes is None else [str(name) for name in classes]
    places = {name: place for place, name in enumerate(names)}
    numbered = []
    for label in labels:
        place = label if isinstance(label, int) and classes is not None else places.get(str(label), -1)
        if not 0 <= place < len(names):
            raise ValueError(f"label {label!r} is none of the classes")
        numbered.append(place)
    return numbered, names
