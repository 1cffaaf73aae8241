"""The page of a run: that of the program for the same training, and pages of what no program can be given."""

from __future__ import annotations

import os
import re
import unittest
from pathlib import Path

import icecap
import support
from test_training import folder


def without_times(page: str) -> str:
    """The page without what two runs of one training need not have in common: how long it took, and what was in the cache."""
    page, sections = re.subn(r'<section id="timing">.*?</section>', "", page, flags=re.DOTALL)
    page, tiles = re.subn(r'<div class="tile"><b>[^<]*</b><span>time in all</span></div>', "", page)
    assert (sections, tiles) == (1, 1), (sections, tiles)
    return page


class Reports(unittest.TestCase):
    """`Run.report`, beside `icecap train`."""

    maxDiff = 2000

    def assert_same(self, own: str, told: str) -> None:
        """Compares two pages, and tells where they part."""
        if own != told:
            at = next((i for i, (a, b) in enumerate(zip(own, told)) if a != b), min(len(own), len(told)))
            self.assertEqual(own[max(at - 200, 0) : at + 200], told[max(at - 200, 0) : at + 200])
            self.assertEqual(len(own), len(told))

    def test_the_page_is_the_program_s_but_for_times(self) -> None:
        photos = support.folder() / "with broken ones"
        if not photos.exists():
            photos.mkdir()
            for place in folder().iterdir():
                os.symlink(place, photos / place.name)
            (photos / "class of cut ones").mkdir()
            for number, photo in enumerate(support.photos(10)):
                (photos / "class of cut ones" / f"{number}.png").write_bytes(Path(photo).read_bytes()[: 60 if number == 3 else None])
        cases: list[tuple[dict[str, object], str]] = [
            ({"epochs": 1}, "--epochs 1"),
            ({"optimizer": "lbfgs", "l2": 0.05, "folds": 3, "seed": 3}, "--folds 3 --optimizer lbfgs --l2 0.05 --seed 3"),
            ({"precision": "int8", "epochs": 2}, "--precision int8 --epochs 2"),
            (
                {"group": "-[0-9](.)", "size": (64, 96), "augment": "flip", "epochs": 2, "class_weight": "sqrt"},
                "--group=-[0-9](.) --size 64x96 --augment flip --epochs 2 --class-weight sqrt",
            ),
            (
                {"unfreeze": "Conv_1", "tune_epochs": 1, "freeze_norm": True, "threads": 2, "cache": False},
                "--unfreeze Conv_1 --tune-epochs 1 --freeze-norm --threads 2 --no-cache",
            ),
        ]
        for number, (options, words) in enumerate(cases):
            with self.subTest(options):
                out = support.folder() / f"page {number}"
                support.run("train", photos, *words.split(), "--out", out)
                told = (out / "report.html").read_text("utf-8")
                icecap.train(photos, **options).report(out / "own.html")
                own = (out / "own.html").read_text("utf-8")
                self.assert_same(without_times(own), without_times(told))
                self.assertGreater(own.count("data:image/jpeg"), 20)

    def test_photos_are_found_from_another_folder(self) -> None:
        here = os.getcwd()
        try:
            os.chdir(folder().parent)
            run = icecap.train(folder().name, epochs=1)
            os.chdir(support.folder() / "cache")
            run.report("own.html")
            pictures = Path("own.html").read_text("utf-8").count("data:image/jpeg")
        finally:
            os.chdir(here)
        self.assertGreater(pictures, 20)

    def test_photos_in_memory_are_shown_and_no_command_is_told(self) -> None:
        paths = [path for place in sorted(folder().iterdir()) for path in sorted(place.iterdir())]
        pairs = [(path.read_bytes(), path.parent.name) for path in paths]
        run, place = icecap.train(pairs, epochs=1), support.folder() / "memory"
        place.mkdir()
        run.report(place / "report.html")
        page = (place / "report.html").read_text("utf-8")
        self.assertGreater(page.count("data:image/jpeg"), 20)
        self.assertNotIn("photo not found", page)
        self.assertNotIn("icecap train", page)
        self.assertNotIn("args.toml", page)
        # The pictures are those of the same photos in a folder.
        icecap.train(folder(), epochs=1).report(place / "folder.html")
        of = lambda page: set(re.findall(r'data:image/jpeg[^"]*', page))  # noqa: E731
        self.assertEqual(of(page), of((place / "folder.html").read_text("utf-8")))

    def test_a_name_in_memory_is_no_file(self) -> None:
        """A photo that cannot be shown is not looked for where its name would lead."""
        backbone = icecap.Backbone.open("starter")
        paths = support.photos(40)
        rows, labels = backbone.features(paths), [str(number % 2) for number in range(40)]
        run, place = icecap.train(rows, labels, backbone=backbone, epochs=1), support.folder() / "features"
        for label in "01":
            (place / label).mkdir(parents=True)
            for number in range(40):
                (place / label / str(number)).write_bytes(Path(paths[0]).read_bytes())
        here = os.getcwd()
        try:
            os.chdir(place)
            run.report("report.html")
        finally:
            os.chdir(here)
        page = (place / "report.html").read_text("utf-8")
        self.assertNotIn("data:image", page)
        self.assertNotIn("photo not found", page)
        self.assertIn("<svg", page)

    def test_a_page_that_cannot_be_written_leaves_nothing(self) -> None:
        run = icecap.train(folder(), epochs=1)
        place = support.folder() / "nowhere"
        with self.assertRaises(FileNotFoundError):
            run.report(place / "report.html")
        self.assertFalse(place.exists())
        with self.assertRaises(OSError):
            run.report(support.folder())


if __name__ == "__main__":
    unittest.main()
