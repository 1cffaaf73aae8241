"""Photos by every door: the bits of the program, and errors of the right kind in the right place."""

from __future__ import annotations

import io
import os
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import icecap
import numpy as np
import support
from support import same_bits

try:
    from PIL import Image, ImageOps
except ImportError:
    Image = None  # type: ignore[assignment]


class Features(unittest.TestCase):
    """`Backbone.features` and `Backbone.maps`."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.paths = support.photos(40)
        cls.told = support.features_of_program(cls.paths)
        cls.backbone = icecap.Backbone.open("starter")

    @unittest.skipIf(Image is None, "no Pillow here")
    def test_an_image_of_any_format_is_turned_upright_once(self) -> None:
        drawn = np.random.default_rng(1).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        for kind in ("TIFF", "JPEG", "PNG", "WEBP"):
            for orientation in range(1, 9):
                exif, file = Image.Exif(), io.BytesIO()
                exif[0x112] = orientation
                Image.fromarray(drawn).save(file, kind, exif=exif)
                upright = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
                with self.subTest(kind, orientation=orientation):
                    told = self.backbone.features(np.asarray(upright))
                    self.assertTrue(same_bits(self.backbone.features(Image.open(file)), told))

    def test_every_door_gives_the_bits_of_the_program(self) -> None:
        paths, told = self.paths, self.told
        doors = {
            "path": lambda path: path,
            "PathLike": Path,
            "bytes": lambda path: Path(path).read_bytes(),
            "bytearray": lambda path: bytearray(Path(path).read_bytes()),
            "memoryview": lambda path: memoryview(Path(path).read_bytes()),
            "file": lambda path: io.BytesIO(Path(path).read_bytes()),
            "array": support.pixels,
            "transposed": lambda path: np.asfortranarray(support.pixels(path)),
            "every other": lambda path: np.repeat(support.pixels(path), 2, axis=1)[:, ::2],
            "backwards": lambda path: support.pixels(path)[::-1].copy()[::-1],
        }
        if Image is not None:
            doors["PIL"] = Image.open
        for name, door in doors.items():
            with self.subTest(name):
                self.assertTrue(same_bits(self.backbone.features(map(door, paths)), told))
        kinds = list(doors.values())
        mixed = [kinds[place % len(kinds)](path) for place, path in enumerate(paths)]
        self.assertTrue(same_bits(self.backbone.features(mixed), told))
        with open(paths[0], "rb") as file:
            self.assertTrue(same_bits(self.backbone.features(file), told[:1]))
        for several in (np.array(paths), np.array([Path(path) for path in paths], object), iter(paths), tuple(paths)):
            self.assertTrue(same_bits(self.backbone.features(several), told))
        stack = np.stack([support.pixels(path) for path in paths[:3]])
        self.assertTrue(same_bits(self.backbone.features(stack), told[:3]))

    def test_other_sizes_precisions_and_maps_are_those_of_the_program(self) -> None:
        paths = self.paths[:6]
        for options, words in [
            ({"size": 64}, ["--size", "64"]),
            ({"size": (96, 128), "resize": "center-crop"}, ["--size", "96x128", "--resize", "center-crop"]),
            ({"precision": "int8"}, ["--precision", "int8"]),
        ]:
            with self.subTest(options):
                backbone = icecap.Backbone.open(**options)
                self.assertTrue(same_bits(backbone.features(paths), support.features_of_program(paths, *words)))
        maps = self.backbone.maps(paths)
        self.assertEqual(maps.shape, (6, 3, 3, 1280))
        self.assertTrue(same_bits(maps, support.features_of_program(paths, "--maps")))

    def test_arrays_are_not_copied_and_may_be_written_to(self) -> None:
        features = self.backbone.features(self.paths[:2])
        self.assertFalse(features.flags.owndata)
        features[:] = 0.0
        kept = features[1]
        del features
        self.assertEqual(kept.sum(), 0.0)
        self.assertEqual(self.backbone.features([]).shape, (0, 1280))

    def test_many_photos_in_an_iterator_go_window_by_window(self) -> None:
        taken = 0

        def photos():  # type: ignore[no-untyped-def]
            nonlocal taken
            for _ in range(20):
                for path in self.paths:
                    taken += 1
                    yield path

        features = self.backbone.features(photos())
        self.assertEqual(taken, 800)
        self.assertTrue(same_bits(features, np.concatenate([self.told] * 20)))

        def broken():  # type: ignore[no-untyped-def]
            yield self.paths[0]
            raise KeyError("the caller's own")

        with self.assertRaises(KeyError):
            self.backbone.features(broken(), errors="row")

    def test_pickled_it_opens_the_same_weights(self) -> None:
        import pickle

        backbone = icecap.Backbone.open(size=64)
        again = pickle.loads(pickle.dumps(backbone))
        self.assertTrue(same_bits(again.features(self.paths[:2]), backbone.features(self.paths[:2])))


class Broken(unittest.TestCase):
    """Photos that cannot be used."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.good = support.photos(3)
        cls.backbone = icecap.Backbone.open("starter")
        cls.classifier = icecap.Classifier.open(support.model())
        cls.cut = support.folder() / "cut.png"
        cls.cut.write_bytes(Path(cls.good[0]).read_bytes()[:200])

    def kinds(self) -> list[tuple[object, type[Exception], str]]:
        closed = open(self.good[0], "rb")
        closed.close()
        text = open(__file__, encoding="utf-8")
        self.addCleanup(text.close)
        gray = np.zeros((8, 8), np.uint8)
        photos: list[tuple[object, type[Exception], str]] = [
            (str(support.folder() / "none.jpg"), FileNotFoundError, "none.jpg"),
            (str(support.folder()), ValueError, "not a regular file"),
            (str(self.cut), ValueError, "cut.png"),
            (self.cut.read_bytes(), ValueError, "photo 1"),
            (b"", ValueError, "photo 1"),
            ("a\0b", ValueError, "null"),
            (closed, ValueError, "closed"),
            (text, TypeError, "rb"),
            (gray, ValueError, "[H, W, 3]"),
            (gray.astype(np.float32), TypeError, "uint8"),
            (np.zeros((8, 8, 4), np.uint8), ValueError, "[H, W, 3]"),
            (np.zeros((0, 8, 3), np.uint8), ValueError, ""),
            (np.zeros((2, 8, 8, 3), np.uint8), ValueError, "[H, W, 3]"),
            (np.broadcast_to(np.uint8(7), (1 << 20, 1 << 20, 3)), icecap.LimitError, "limit"),
            (np.zeros((3, 70_000, 3), np.uint8), icecap.LimitError, ""),
            (None, TypeError, "NoneType"),
            (3.5, TypeError, "float"),
        ]
        if hasattr(os, "geteuid") and os.geteuid() != 0:
            locked = support.folder() / "locked.jpg"
            locked.write_bytes(b"x")
            locked.chmod(0)
            photos.append((str(locked), PermissionError, "locked"))
        if Image is not None:
            photos.append((Image.new("CMYK", (8, 8)), ValueError, "convert"))
            photos.append((Image.new("I;16", (8, 8)), ValueError, "convert"))
        return photos

    def test_each_raises_its_own_kind_or_has_its_row(self) -> None:
        told = self.backbone.features(self.good[:2])
        likely = self.classifier.probabilities(self.good[:2])
        for photo, kind, words in self.kinds():
            with self.subTest(kind=kind, words=words, photo=type(photo)):
                batch = [self.good[0], photo, self.good[1]]
                for call in (self.backbone.features, self.backbone.maps, self.classifier.probabilities, self.classifier.predict):
                    with self.assertRaises(kind) as raised:
                        call(batch)
                    self.assertIn(words, str(raised.exception))
                features, failed = self.backbone.features(batch, errors="row")
                self.assertTrue(same_bits(features[[0, 2]], told) and np.isnan(features[1]).all())
                self.assertIsInstance(failed[1], kind)
                self.assertEqual([failed[0], failed[2]], [None, None])
                probabilities, failed = self.classifier.probabilities(batch, errors="row")
                self.assertTrue(same_bits(probabilities[[0, 2]], likely) and np.isnan(probabilities[1]).all())
                self.assertIsInstance(failed[1], kind)
                rows = self.classifier.predict(batch, errors="row")
                self.assertTrue(rows[1]["error"] and rows[1]["label"] is None)
                self.assertEqual([rows[0]["error"], rows[2]["error"]], [None, None])

    def test_every_pattern_of_broken_photos_leaves_the_others_in_place(self) -> None:
        paths = support.photos(8)
        told = self.backbone.features(paths)
        for pattern in range(256):
            broken = [bool(pattern >> place & 1) for place in range(8)]
            batch = [(None if place % 2 else b"x") if bad else path for place, (path, bad) in enumerate(zip(paths, broken))]
            if pattern % 5 and pattern not in (1, 128, 255):
                continue
            features, failed = self.backbone.features(batch, errors="row")
            self.assertEqual([error is not None for error in failed], broken)
            good = ~np.array(broken)
            self.assertTrue(same_bits(features[good], told[good]) and np.isnan(features[~good]).all())

    def test_a_batch_of_broken_photos_alone_has_an_error_for_each(self) -> None:
        for batch in ([None], [None, b"", "none.jpg"]):
            rows = self.classifier.predict(batch, errors="row")
            self.assertTrue(all(row["error"] for row in rows) and len(rows) == len(batch))
            for call in (self.classifier.probabilities, self.classifier.heatmaps, self.backbone.features, self.backbone.maps):
                values, failed = call(batch, errors="row")
                self.assertTrue(np.isnan(values).all() and all(failed) and len(values) == len(failed) == len(batch))

    @unittest.skipIf(os.name == "nt", "names are text there")
    def test_a_photo_that_python_refuses_is_told_by_its_place(self) -> None:
        class Silent(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise OSError(5, "it is gone")

        good = support.photos(1)[0]
        backbone = icecap.Backbone.open("starter")
        gray, floats = np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3))
        large = icecap.Backbone.open("starter", max_pixels=10)
        for asked, kind, photo in [
            (backbone, ValueError, gray),
            (backbone, TypeError, floats),
            (backbone, TypeError, 7),
            (backbone, ValueError, b"no photo"),
            (large, icecap.LimitError, np.zeros((8, 8, 3), np.uint8)),
        ]:
            photos = [photo] if asked is large else [good, good, photo]
            place = len(photos) - 1
            with self.assertRaisesRegex(kind, f"^photo {place}: "):
                asked.features(photos)
            _, failed = asked.features(photos, errors="row")
            self.assertIs(type(failed[place]), kind)
            self.assertRegex(str(failed[place]), f"^photo {place}: [^p]")
        with self.assertRaises(OSError) as raised:
            backbone.features([good, Silent()])
        self.assertEqual((raised.exception.errno, getattr(raised.exception, "__notes__", ["photo 1"])), (5, ["photo 1"]))
        with self.assertRaisesRegex(TypeError, "^photo 1: an array of a photo"):
            icecap.train([(good, "a"), (floats, "b")])
        # Beyond the first window of photos, too.
        with self.assertRaisesRegex(ValueError, "^photo 300: "):
            backbone.features([np.zeros((4, 4, 3), np.uint8)] * 300 + [gray])

    def test_a_name_that_is_no_text_is_read(self) -> None:
        name = os.fsdecode(os.fsencode(str(support.folder())) + b"/\xff.png")
        Path(name).write_bytes(Path(self.good[0]).read_bytes())
        self.assertTrue(same_bits(self.backbone.features(name), self.backbone.features(self.good[0])))
        self.assertEqual(self.classifier.predict(name), support.rows_of_program([name]))

    def test_a_limit_is_a_caller_s_own(self) -> None:
        small = icecap.Backbone.open(max_pixels=1000)
        for photo in (self.good[0], Path(self.good[0]).read_bytes(), support.pixels(self.good[0])):
            with self.assertRaises(icecap.LimitError):
                small.features(photo)
        with self.assertRaises(ValueError):
            self.backbone.features(self.good, errors="ignore")  # type: ignore[call-overload]

    def test_what_is_asked_wrongly_is_refused(self) -> None:
        for name, kind in [("startr", FileNotFoundError), (str(support.folder()), ValueError), (str(self.cut), ValueError)]:
            with self.assertRaises(kind):
                icecap.Backbone.open(name)
        for options in [{"size": 0}, {"size": (1, 2, 3)}, {"resize": "x"}, {"exif": "x"}, {"dct": "x"}, {"precision": "f16"}, {"threads": -1}, {"threads": 5000}]:
            with self.subTest(options), self.assertRaises(ValueError):
                icecap.Backbone.open("starter", **options)
        with self.assertRaises(TypeError):
            icecap.Backbone()


class Predictions(unittest.TestCase):
    """`Classifier`."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.paths = support.photos(60)
        cls.classifier = icecap.Classifier.open(support.model())

    def test_rows_are_those_of_the_program_field_for_field(self) -> None:
        for options, words in [
            ({}, []),
            ({"top": 3}, ["--top", "3"]),
            ({"top": 400}, ["--top", "400"]),
            ({"all": True, "reject_below": 0.9}, ["--all", "--reject-below", "0.9"]),
            ({"reject_novel": 0.75}, ["--reject-novel=0.75"]),
            ({"tta": True}, ["--tta"]),
        ]:
            with self.subTest(options):
                rows = self.classifier.predict(self.paths, **options)
                self.assertEqual(rows, support.rows_of_program(self.paths, *words))
        self.assertEqual(len({row["label"] for row in rows}), len(self.classifier.classes))
        alone = self.classifier.predict(self.paths[0])
        in_memory = self.classifier.predict(Path(self.paths[0]).read_bytes())
        self.assertEqual((alone[0]["label"], in_memory[0]["path"]), (in_memory[0]["label"], None))

    def test_probabilities_are_those_of_the_rows_by_any_door(self) -> None:
        told = support.rows_of_program(self.paths, "--all")
        values = [[row["probabilities"][name] for name in self.classifier.classes] for row in told]
        told_values = np.array(values, np.float32)
        by_path = self.classifier.probabilities(self.paths)
        self.assertTrue(same_bits(by_path, told_values))
        features = self.classifier.backbone.features(self.paths)
        self.assertTrue(same_bits(self.classifier.probabilities_of_features(features), told_values))
        for wrong in (features[:, :-1], features[0], np.where(features > 5, np.nan, features)):
            with self.assertRaises(ValueError):
                self.classifier.probabilities_of_features(wrong)

    def test_the_places_of_a_heatmap_sum_up_to_the_logit(self) -> None:
        paths, classifier = self.paths[:12], self.classifier
        likely = classifier.probabilities(paths).astype(np.float64)
        sums = np.stack([classifier.heatmaps(paths, label=name).sum(axis=(1, 2)) for name in classifier.classes], axis=1)
        # Logits but for the bias and what softmax does not see: the same for all photos.
        logits = np.log(likely) * classifier.temperature
        differences = (logits - logits[:, :1]) - (sums - sums[:, :1])
        self.assertLess(np.ptp(differences, axis=0).max(), 2e-3)
        own = classifier.heatmaps(paths)
        self.assertEqual(own.shape, (12, 3, 3))
        for place, row in enumerate(classifier.predict(paths)):
            self.assertTrue(same_bits(own[place], classifier.heatmaps(paths[place], label=row["label"])[0]))
        maps, failed = classifier.heatmaps([paths[0], b""], errors="row")
        self.assertTrue(same_bits(maps[0], own[0]) and np.isnan(maps[1]).all() and isinstance(failed[1], ValueError))
        with self.assertRaises(ValueError):
            classifier.heatmaps(paths, label="no such class")

    def test_a_drawn_heatmap_is_the_file_of_the_command(self) -> None:
        paths = self.paths[:3]
        with tempfile.TemporaryDirectory() as folder:
            support.rows_of_program(paths, "--heatmap", folder)
            files = [Path(folder, Path(path).stem + ".png").read_bytes() for path in paths]
        rows = self.classifier.predict(paths, heatmap=True)
        self.assertEqual([row["heatmap"] for row in rows], files)
        mixed = self.classifier.predict([b"no photo", paths[1]], heatmap=True, errors="row")
        self.assertEqual([row["heatmap"] for row in mixed], [None, files[1]])
        self.assertNotIn("heatmap", self.classifier.predict(paths)[0])

    def test_eight_threads_share_one(self) -> None:
        told = self.classifier.probabilities(self.paths)
        backbone = icecap.Backbone.open("starter")
        features = backbone.features(self.paths)
        start = threading.Barrier(8)

        def one(number: int) -> bool:
            start.wait()
            same = True
            for place in range(len(self.paths)):
                place = (place + number * 7) % len(self.paths)
                same &= same_bits(self.classifier.probabilities(self.paths[place])[0], told[place])
                same &= same_bits(backbone.features(self.paths[place])[0], features[place])
            return same and same_bits(self.classifier.probabilities(self.paths), told)

        with ThreadPoolExecutor(8) as pool:
            self.assertEqual(list(pool.map(one, range(8))), [True] * 8)

    def test_options_and_files_are_refused_as_the_program_does(self) -> None:
        for options in [{"top": 0}, {"top": 70_000}, {"reject_below": 1.5}, {"reject_below": float("nan")}, {"reject_novel": 0.0}]:
            with self.subTest(options), self.assertRaises(ValueError):
                self.classifier.predict(self.paths[:1], **options)
        with self.assertRaises(FileNotFoundError) as raised:
            icecap.Classifier.open(support.folder() / "none.safetensors")
        self.assertIsNotNone(raised.exception.errno)
        with self.assertRaises(ValueError):
            icecap.Classifier.open(self.paths[0])
        with self.assertRaises(ValueError):
            icecap.Classifier.from_bytes(b"")
        with self.assertRaises(TypeError):
            icecap.Classifier()

    def test_saved_and_pickled_it_is_the_same(self) -> None:
        import pickle

        told = self.classifier.probabilities(self.paths[:5])
        data = support.model().read_bytes()
        self.assertEqual(self.classifier.to_bytes(), data)
        again = pickle.loads(pickle.dumps(self.classifier))
        self.assertTrue(same_bits(again.probabilities(self.paths[:5]), told))
        whole, head = support.folder() / "whole.safetensors", support.folder() / "head.safetensors"
        self.classifier.save(whole)
        self.assertEqual(whole.read_bytes(), data)
        self.classifier.save(head, head_only=True)
        with self.assertRaisesRegex(ValueError, "backbone="):
            icecap.Classifier.open(head)
        on = icecap.Classifier.open(head, backbone=icecap.Backbone.open("starter"))
        self.assertTrue(same_bits(on.probabilities(self.paths[:5]), told))
        with self.assertRaises(TypeError):
            pickle.dumps(self.classifier.backbone)


class Photographs(unittest.TestCase):
    """Ants and bees, as cameras took them."""

    def test_all_doors_give_the_bits_of_the_program(self) -> None:
        paths = support.real_photos()
        told = support.features_of_program(paths)
        backbone = icecap.Backbone.open("starter")
        self.assertTrue(same_bits(backbone.features(paths), told))
        self.assertTrue(same_bits(backbone.features(Path(path).read_bytes() for path in paths), told))
        classifier = icecap.Classifier.open(support.model())
        rows = classifier.predict(paths, all=True)
        self.assertEqual(rows, support.rows_of_program(paths, "--all"))
        likely = np.array([[row["probabilities"][name] for name in classifier.classes] for row in rows], np.float32)
        self.assertTrue(same_bits(classifier.probabilities(Path(path).read_bytes() for path in paths), likely))
        if Image is None:
            self.skipTest("no Pillow here: its pixels are not compared")
        self.assertTrue(same_bits(classifier.probabilities(map(Image.open, paths)), likely))
        self.assertTrue(same_bits(backbone.features(map(Image.open, paths)), told))
        arrays = (np.asarray(Image.open(path).convert("RGB")) for path in paths)
        self.assertTrue(same_bits(backbone.features(arrays), told))


if __name__ == "__main__":
    unittest.main()
