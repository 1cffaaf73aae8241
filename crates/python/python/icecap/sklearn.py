"""A transformer and a classifier for scikit-learn, which has to be installed.

>>> from sklearn.pipeline import make_pipeline  # doctest: +SKIP
>>> from icecap.sklearn import Embedder, HeadClassifier  # doctest: +SKIP
>>> model = make_pipeline(Embedder(), HeadClassifier()).fit(photos, labels)  # doctest: +SKIP
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from ._backbone import Backbone
from ._training import train
from ._values import Floats, Size

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError("icecap.sklearn needs scikit-learn 1.6 or newer: pip install 'icecap[sklearn]'") from error

__all__ = ["Embedder", "HeadClassifier"]


class Embedder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turns photos into the pooled features of a frozen backbone. It learns nothing: ``fit`` opens the weights.

    :param weights: Weights by name or file, as :meth:`icecap.Backbone.open` takes them.
    :param size: Side of the input in pixels, or (rows, columns); by default what the weights were made for.
    :param precision: ``"f32"`` or ``"int8"``.
    :param threads: How many threads; 0 for as many as there are processors.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] = "starter",
        *,
        size: Size | None = None,
        precision: str | None = None,
        threads: int = 0,
    ) -> None:
        self.weights = weights
        self.size = size
        self.precision = precision
        self.threads = threads

    def fit(self, X: Any, y: Any = None) -> Embedder:
        """Opens the backbone; photos are not looked at."""
        self.backbone_ = Backbone.open(
            self.weights, size=self.size, precision=self.precision, threads=self.threads  # type: ignore[arg-type]
        )
        return self

    def transform(self, X: Any) -> Floats:
        """Computes features: float32 [N, F] of N photos of any kinds (:data:`icecap.Photos`)."""
        check_is_fitted(self)
        return self.backbone_.features(X)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """The names of the features: ``icecap0``, ``icecap1`` and so on."""
        check_is_fitted(self)
        return np.asarray([f"icecap{place}" for place in range(self.backbone_.width)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


class HeadClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Trains icecap's head, with its temperature, on features: those of an :class:`Embedder`, or fewer, as a selection or a
    projection of them leaves, which are filled up with zeros.

    :param backbone: What features come from, by name or file: :attr:`classifier_` takes photos by it.
    :param optimizer: ``"lbfgs"`` solves the head in one go; ``"adam"`` and others go in steps.
    :param options: Further options of :func:`icecap.train` about the head, as ``{"l2": 0.01}``.
    :param seed: What random numbers are drawn from.

    After ``fit``, ``classes_`` are the classes and ``classifier_`` is the :class:`icecap.Classifier`, whose classes are called by
    their numbers. Every class needs two rows.
    """

    def __init__(
        self,
        backbone: str | os.PathLike[str] = "starter",
        *,
        optimizer: str = "lbfgs",
        options: dict[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        self.backbone = backbone
        self.optimizer = optimizer
        self.options = options
        self.seed = seed

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> HeadClassifier:
        """Trains on features, float32 [N, F], and the class of each row."""
        rows, labels = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier has at least two classes, and there is only one class here: {self.classes_[0]!r}")
        backbone = Backbone.open(self.backbone)
        names = [str(number) for number in range(len(self.classes_))]
        folds = int(min(3, max(2, np.bincount(numbers).min())))
        run = train(
            self._filled(rows, backbone.width),
            numbers.tolist(),
            classes=names,
            backbone=backbone,
            optimizer=self.optimizer,
            seed=self.seed,
            folds=folds,
            **(self.options or {}),
        )
        self.classifier_ = run.classifier
        return self

    def predict_proba(self, X: npt.ArrayLike) -> Floats:
        """Computes the probability of each class of ``classes_``: float32 [N, classes], from 0 to 1."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float32, reset=False)
        return self.classifier_.probabilities_of_features(self._filled(rows, self.classifier_.backbone.width))

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """The most probable class of each row."""
        probabilities = self.predict_proba(X)
        chosen: npt.NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return chosen

    @staticmethod
    def _filled(rows: Floats, width: int) -> Floats:
        if rows.shape[1] > width:
            raise ValueError(f"features: {rows.shape[1]} a row, and the backbone gives {width}")
        return np.pad(rows, ((0, 0), (0, width - rows.shape[1])))
