"""`icecap.sklearn`: scikit-learn's own checks, and the program's bits below it."""

from __future__ import annotations

import pickle
import unittest
import warnings
from pathlib import Path

import icecap
import numpy as np
import support
from support import same_bits

try:
    import sklearn  # noqa: F401
except ImportError:
    raise unittest.SkipTest("no scikit-learn here") from None

from icecap.sklearn import Embedder, HeadClassifier
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks


class Checks(unittest.TestCase):
    """What scikit-learn asks of an estimator."""

    def test_the_classifier_passes_all_that_can_be_run(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = estimator_checks.check_estimator(HeadClassifier(), on_skip=None, on_fail=None)
        failed = [(one["check_name"], one["exception"]) for one in told if one["status"] not in ("passed", "skipped")]
        self.assertEqual(failed, [])
        self.assertGreater(sum(one["status"] == "passed" for one in told), 40)

    def test_the_transformer_passes_what_needs_no_matrix(self) -> None:
        # The others fit it on a matrix of numbers, and it takes photos.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator_checks.check_estimator(Embedder())
        for name in (
            "check_estimator_cloneable",
            "check_estimator_repr",
            "check_estimator_tags_renamed",
            "check_valid_tag_types",
            "check_no_attributes_set_in_init",
            "check_parameters_default_constructible",
            "check_get_params_invariance",
            "check_set_params",
            "check_mixin_order",
        ):
            with self.subTest(name):
                getattr(estimator_checks, name)("Embedder", Embedder())


class Pipelines(unittest.TestCase):
    """Photos to labels."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.paths = support.photos(64)
        cls.labels = [Path(path).parent.name for path in cls.paths]

    def test_a_pipeline_learns_and_can_be_pickled_and_cloned(self) -> None:
        pipeline = make_pipeline(Embedder(threads=1), HeadClassifier(options={"l2": 0.01}))
        pipeline.fit(self.paths, self.labels)
        self.assertGreater(pipeline.score(self.paths, self.labels), 0.9)
        told = pipeline.predict_proba(self.paths)
        again = pickle.loads(pickle.dumps(pipeline))
        self.assertTrue(same_bits(again.predict_proba(self.paths), told))
        same = clone(pipeline).fit(self.paths, self.labels)
        self.assertTrue(same_bits(same.predict_proba(self.paths), told))
        embedder, head = pipeline[0], pipeline[1]
        features = icecap.Backbone.open("starter").features(self.paths)
        self.assertTrue(same_bits(embedder.transform(self.paths), features))
        self.assertTrue(same_bits(head.classifier_.probabilities(self.paths), told))
        self.assertEqual(list(head.classes_), sorted(set(self.labels)))
        self.assertEqual(len(embedder.get_feature_names_out()), 1280)

    def test_it_stands_among_scikit_learn_s_own(self) -> None:
        features = icecap.Backbone.open("starter").features(self.paths)
        model = make_pipeline(PCA(16, random_state=0), HeadClassifier(options={"l2": 0.01}))
        scores = cross_val_score(model, features, self.labels, cv=2)
        self.assertGreater(scores.mean(), 1.5 / len(set(self.labels)))
        with self.assertRaises(ValueError):
            HeadClassifier().fit(np.zeros((4, 1281), np.float32), [0, 0, 1, 1])
        with self.assertRaises(ValueError):
            HeadClassifier(options={"epochs": 3}).fit(features, self.labels)
        with self.assertRaises(FileNotFoundError):
            Embedder("no such").fit(self.paths)


if __name__ == "__main__":
    unittest.main()
