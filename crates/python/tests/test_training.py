"""Training: the bytes of the program's model, its figures and its refusals."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import icecap
import numpy as np
import support
from support import same_bits


def folder() -> Path:
    """Drawn photos of some classes, not many."""
    path = support.folder() / "few"
    if not path.exists():
        classes = sorted(entry.name for entry in (support.demo() / "photos").iterdir())[:3]
        for name in classes:
            (path / name).mkdir(parents=True)
            for photo in sorted((support.demo() / "photos" / name).iterdir())[:20]:
                shutil.copy(photo, path / name)
    return path


def of_program(*words: object, photos: Path | None = None) -> tuple[bytes, dict[str, object]]:
    """The model and the metrics of the program's run."""
    out = support.folder() / "run"
    shutil.rmtree(out, ignore_errors=True)
    metrics = json.loads(support.run("train", photos or folder(), "--out", out, "--json", *words))
    return (out / "model.safetensors").read_bytes(), metrics


class Folders(unittest.TestCase):
    """`train` on folders, beside `icecap train`."""

    def test_the_model_is_the_program_s_byte_for_byte(self) -> None:
        for options, words in [
            ({}, ""),
            ({"epochs": 4, "lr": 0.003, "seed": 7, "batch": 16, "dropout": 0.1}, "--epochs 4 --lr 0.003 --seed 7 --batch 16 --dropout 0.1"),
            ({"optimizer": "lbfgs"}, "--optimizer lbfgs"),
            ({"optimizer": "lbfgs", "l2": 0.05, "folds": 3}, "--optimizer lbfgs --l2 0.05 --folds 3"),
            ({"hidden": 8, "epochs": 3, "schedule": "cosine", "warmup": 1}, "--hidden 8 --epochs 3 --schedule cosine --warmup 1"),
            ({"early_stop": 2, "epochs": 6, "label_smoothing": 0.1}, "--epochs 6 --label-smoothing 0.1 --early-stop 2"),
            ({"augment": "flip", "views": 2, "epochs": 2}, "--augment flip --views 2 --epochs 2"),
            ({"size": 64, "resize": "crop", "val_split": 0.4, "epochs": 2}, "--size 64 --resize crop --val-split 0.4 --epochs 2"),
            ({"precision": "int8", "epochs": 2}, "--precision int8 --epochs 2"),
            ({"group": "-[0-9](.)", "class_weight": "sqrt", "epochs": 2}, "--group=-[0-9](.) --class-weight sqrt --epochs 2"),
            ({"unfreeze": "Conv_1", "tune_epochs": 1, "epochs": 2}, "--unfreeze Conv_1 --tune-epochs 1 --epochs 2"),
            ({"group": "duplicates", "size": 64, "epochs": 2}, "--group duplicates --size 64 --epochs 2"),
            ({"scaling": "-1..1", "epochs": 2}, "--scaling=-1..1 --epochs 2"),
            ({"scaling": "mean 0.4,0.5,0.6 std 0.2,0.2,0.2", "epochs": 2}, "--scaling=mean|0.4,0.5,0.6|std|0.2,0.2,0.2 --epochs 2"),
        ]:
            with self.subTest(options):
                model, told = of_program(*(word.replace("|", " ") for word in words.split()))
                run = icecap.train(folder(), **options)
                self.assertTrue(run.classifier.to_bytes() == model, "other bytes")
                metrics = run.metrics
                # What differs is how long it took, and what was in the cache.
                for key in sorted(set(told) - {"model", "seconds", "photos"}):
                    self.assertEqual(metrics[key], told[key], key)
                self.assertEqual(set(told) - set(metrics), {"model"})

    def test_saved_it_is_the_program_s_file(self) -> None:
        model, _ = of_program("--epochs", 2, "--head-only")
        run = icecap.train(folder(), epochs=2)
        file = support.folder() / "saved.safetensors"
        run.save(file, head_only=True)
        self.assertEqual(file.read_bytes(), model)
        parts = {part for part, _, _ in run.split}
        self.assertEqual((len(run.split), parts), (60, {"train", "val"}))

    def test_copies_are_kept_together(self) -> None:
        photos = support.folder() / "copies"
        for place in sorted(folder().iterdir())[:2]:
            shutil.copytree(place, photos / place.name)
            for photo in sorted(place.iterdir())[:8]:
                shutil.copy(photo, photos / place.name / f"copy of {photo.name}")
        run = icecap.train(photos, epochs=1, group="duplicates")
        parts: dict[str, set[str]] = {}
        for part, _, path in run.split:
            parts.setdefault(os.path.basename(path).removeprefix("copy of "), set()).add(part)
        self.assertEqual(sum(len(where) == 1 for where in parts.values()), len(parts))
        self.assertEqual(run.metrics["photos"]["copies_apart"], 0)
        apart = icecap.train(photos, epochs=1)
        self.assertGreater(apart.metrics["photos"]["copies_apart"], 0)

    def test_pickled_it_runs_on_as_many_threads_and_reads_photos_as_large(self) -> None:
        run = icecap.train(folder(), epochs=1, threads=1, max_pixels=70 * 70)
        rows = np.zeros((6, 1280), np.float32)
        rows[3:] = 1
        on = icecap.Backbone.open("starter", threads=1, max_pixels=70 * 70)
        features = icecap.train(rows, [0, 0, 0, 1, 1, 1], backbone=on, epochs=1, val_split=0.4)
        opened = icecap.train(rows, [0, 0, 0, 1, 1, 1], backbone=run.classifier.backbone, epochs=1, val_split=0.4)
        for trained in (run, features, opened):
            again = pickle.loads(pickle.dumps(trained.classifier))
            self.assertEqual(again._opening["threads"], 1)
            with self.assertRaises(icecap.LimitError):
                again.predict(np.zeros((71, 70, 3), np.uint8))

    def test_a_broken_photo_is_left_out_or_refused(self) -> None:
        photos = support.folder() / "broken"
        shutil.copytree(folder(), photos)
        name = next(photos.iterdir()).name
        (photos / name / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        for words, options in [("", {}), ("--precision int8", {"precision": "int8"})]:
            model, told = of_program("--epochs", 2, *words.split(), photos=photos)
            run = icecap.train(photos, epochs=2, **options)
            self.assertTrue(run.classifier.to_bytes() == model)
            self.assertEqual((run.metrics["photos"]["skipped"], told["skipped"]), (1, 1))
        with self.assertRaisesRegex(ValueError, "cut.png"):
            icecap.train(photos, epochs=2, strict=True)

    def test_two_classes_have_a_threshold(self) -> None:
        photos = support.folder() / "two"
        for place in sorted(folder().iterdir())[:2]:
            shutil.copytree(place, photos / place.name)
        words = "--epochs 3 --threshold recall=0.9 --positive".split()
        name = sorted(entry.name for entry in photos.iterdir())[0]
        model, _ = of_program(*words, name, photos=photos)
        run = icecap.train(photos, epochs=3, threshold="recall=0.9", positive=name)
        self.assertTrue(run.classifier.to_bytes() == model)

    def test_what_the_program_refuses_is_refused(self) -> None:
        for options, kind in [
            ({"optimizer": "adamax"}, ValueError),
            ({"optimizer": "lbfgs", "epochs": 3}, ValueError),
            ({"epochs": 0}, ValueError),
            ({"epochs": 2.5}, TypeError),
            ({"epochs": True}, TypeError),
            ({"lr": 0}, ValueError),
            ({"lr": 1e300}, ValueError),
            ({"lr": float("nan")}, ValueError),
            ({"dropout": 1}, ValueError),
            ({"batch": 0}, ValueError),
            ({"schedule": "sine"}, ValueError),
            ({"class_weight": "x"}, ValueError),
            ({"seed": -1}, ValueError),
            ({"folds": 1}, ValueError),
            ({"folds": 50}, ValueError),
            ({"val_split": 1.0}, ValueError),
            ({"val_split": 0.2, "folds": 3}, ValueError),
            ({"views": 3}, ValueError),
            ({"augment": "spin"}, ValueError),
            ({"tune_epochs": 3}, ValueError),
            ({"unfreeze": "block_17"}, ValueError),
            ({"unfreeze": "auto", "folds": 3}, ValueError),
            ({"threshold": 0.5}, ValueError),
            ({"positive": "ball"}, ValueError),
            ({"group": "("}, ValueError),
            ({"group": "nothing"}, ValueError),
            ({"scaling": "0..2"}, ValueError),
            ({"ema": True}, ValueError),
            ({"ema": True, "weights": support.model()}, ValueError),
            ({"size": 7}, ValueError),
            ({"precision": "f16"}, ValueError),
            ({"weights": "no such"}, FileNotFoundError),
            ({"exclude": support.folder() / "none.csv"}, FileNotFoundError),
            ({"labels": [1, 2]}, ValueError),
            ({"classes": ["a", "b"]}, TypeError),
        ]:
            with self.subTest(options), self.assertRaises(kind):
                icecap.train(folder(), **options)
        with self.assertRaises(FileNotFoundError):
            icecap.train(support.folder() / "none")
        with self.assertRaises(ValueError):
            icecap.train(next(folder().iterdir()))


class InMemory(unittest.TestCase):
    """`train` on photos and features that are at hand."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.pairs = [(path, path.parent.name) for name in sorted(folder().iterdir()) for path in sorted(name.iterdir())]

    def test_photos_and_their_features_give_the_head_of_the_folder(self) -> None:
        told = icecap.train(folder(), epochs=4)
        mixed = [(path.read_bytes() if place % 2 else support.pixels(str(path)), name) for place, (path, name) in enumerate(self.pairs)]
        backbone = icecap.Backbone.open("starter")
        paths = [path for path, _ in self.pairs]
        names = [name for _, name in self.pairs]
        features = backbone.features(paths)
        for run in (
            icecap.train(self.pairs, epochs=4),
            icecap.train(mixed, epochs=4),
            icecap.train(features, names, backbone=backbone, epochs=4),
            icecap.train(features.tolist(), np.array(names), backbone=backbone, epochs=4),
            icecap.train(features, [sorted(set(names)).index(name) for name in names], classes=sorted(set(names)), backbone=backbone, epochs=4),
        ):
            self.assertEqual(run.metrics["history"], told.metrics["history"])
            self.assertTrue(same_bits(run.classifier.probabilities(paths), told.classifier.probabilities(paths)))

    def test_what_is_no_training_set_is_refused(self) -> None:
        backbone = icecap.Backbone.open("starter")
        features = np.random.default_rng(0).random((8, 1280), np.float32)
        labels = [0, 0, 0, 0, 1, 1, 1, 1]
        holed = features.copy()
        holed[3, 5] = np.nan
        for arguments, options, kind in [
            ((features, labels), {}, TypeError),
            ((features, labels[1:]), {"backbone": backbone}, ValueError),
            ((features[:, 1:], labels), {"backbone": backbone}, ValueError),
            ((features[0], labels), {"backbone": backbone}, ValueError),
            ((holed, labels), {"backbone": backbone}, ValueError),
            ((features, [0] * 8), {"backbone": backbone}, ValueError),
            ((features, ["a", 1] * 4), {"backbone": backbone}, TypeError),
            ((features, [None] * 8), {"backbone": backbone}, TypeError),
            ((features, labels), {"backbone": backbone, "unfreeze": "auto"}, ValueError),
            ((features, labels), {"backbone": backbone, "size": 96}, ValueError),
            ((features, labels), {"backbone": backbone, "val": "x"}, ValueError),
            ((features, labels), {"backbone": backbone, "classes": ["only"]}, ValueError),
            (([("a.jpg",)],), {}, ValueError),
            ((5,), {}, TypeError),
            (([(None, "a"), (None, "b")],), {}, TypeError),
            (([],), {}, ValueError),
        ]:
            with self.subTest(options=options, kind=kind), self.assertRaises(kind):
                icecap.train(*arguments, **options)


class Stopping(unittest.TestCase):
    """Progress, and what ends a training."""

    def test_progress_is_told_by_the_caller_s_thread_and_what_it_raises_ends_the_work(self) -> None:
        told: list[icecap.Progress] = []
        threads = set()

        def hear(now: icecap.Progress) -> None:
            told.append(now)
            threads.add(threading.get_ident())

        run = icecap.train(folder(), epochs=3, cache=False, progress=hear)
        epochs = [now["epoch"] for now in told if now["stage"] == "epoch"]
        self.assertEqual(epochs, run.metrics["history"])
        self.assertEqual(threads, {threading.get_ident()})
        self.assertTrue(any(now["stage"] == "features" and now["photos"] == 60 for now in told))

        class Enough(Exception):
            pass

        def stop(now: icecap.Progress) -> None:
            if now["stage"] == "epoch":
                raise Enough

        with self.assertRaises(Enough):
            icecap.train(folder(), epochs=100_000, progress=stop)

    @unittest.skipIf(os.name == "nt", "no signals")
    def test_a_signal_ends_long_work_soon(self) -> None:
        works = {
            "train": f"icecap.train({str(folder())!r}, epochs=1_000_000)",
            "features": "[b.features(p) for p in [[p[0]] * 100_000]]",
            "loop": "[b.features(p[:1]) for _ in range(10_000_000)]",
        }
        for name, work in works.items():
            with self.subTest(name):
                code = f"import icecap; b = icecap.Backbone.open(); p = {support.photos(1)!r}; print('go', flush=True); {work}"
                child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                assert child.stdout is not None
                self.assertEqual(child.stdout.readline(), "go\n")
                time.sleep(random.Random(name).uniform(0.3, 1.0))
                child.send_signal(signal.SIGINT)
                began = time.monotonic()
                _, said = child.communicate(timeout=60)
                self.assertIn("KeyboardInterrupt", said)
                self.assertLess(time.monotonic() - began, 10)


class Checks(unittest.TestCase):
    """`check`."""

    def test_findings_are_those_of_the_program(self) -> None:
        photos = support.folder() / "odd"
        shutil.copytree(folder(), photos)
        first, second = sorted(photos.iterdir())[:2]
        (first / "empty.jpg").write_bytes(b"")
        shutil.copy(next(second.glob("*.png")), first / "twin.png")
        told = json.loads(support.run("check", photos, "--json", "--no-cache"))["findings"]
        found = icecap.check(photos, cache=False)
        self.assertTrue(any(finding["level"] == "error" for finding in found))
        self.assertEqual(len(found), len(told))
        for one, other in zip(found, told):
            names = [os.path.relpath(path, photos).replace(os.sep, "/") for path in one["photos"]]
            self.assertEqual(names, other["photos"])
            for key in ("level", "kind", "message"):
                self.assertEqual(one[key], other[key])
        with self.assertRaises(FileNotFoundError):
            icecap.check(support.folder() / "none", cache=False)
        with self.assertRaises(ValueError):
            icecap.check(photos, similar=0.1)


if __name__ == "__main__":
    unittest.main()
