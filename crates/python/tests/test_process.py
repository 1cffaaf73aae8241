"""Processes and threads: forks, pickles, the end of an interpreter; and the first example of the docs."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

import icecap
import support

DOCS = Path(__file__).parents[3] / "docs" / "python.md"


def python(code: str, *arguments: str, folder: Path | None = None) -> str:
    """What a process of its own says; it has to end well, and soon."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120, cwd=folder)
    if done.returncode != 0:
        raise AssertionError(f"{done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


SETUP = """
import os, sys, threading, time
import icecap
model, *photos = sys.argv[1:]
classifier, backbone = icecap.Classifier.open(model, threads=2), icecap.Backbone.open("starter", threads=2)
"""


class Processes(unittest.TestCase):
    """What a process inherits, and how it ends."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.arguments = [str(support.model()), *support.photos(20)]

    @unittest.skipUnless(hasattr(os, "fork"), "no forks here")
    def test_a_forked_process_is_told_and_can_open_anew(self) -> None:
        code = SETUP + """
told = backbone.features(photos).tobytes()
run = icecap.train(os.path.dirname(os.path.dirname(photos[0])), epochs=1, threads=2)
# Busy while the process is forked, so that whatever is locked then is so in the child.
threading.Thread(target=lambda: [backbone.features(photos) for _ in range(10_000)], daemon=True).start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        for call in (lambda: run.classifier.predict(photos), lambda: backbone.features(photos), lambda: classifier.predict(photos), lambda: classifier.classes):
            try:
                call()
                os._exit(1)
            except RuntimeError as error:
                assert "forked" in str(error)
        again = icecap.Backbone.open("starter", threads=2).features(photos).tobytes() == told
        del backbone, classifier
        os._exit(0 if again else 2)
    assert os.waitpid(child, 0)[1] == 0
child = os.fork()
if child == 0:
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
print("well")
"""
        self.assertTrue(python(code, *self.arguments).startswith("well\n"))

    def test_spawned_processes_get_it_pickled(self) -> None:
        code = SETUP + """
import multiprocessing

def work(given):
    classifier, photo = given
    return classifier.predict(photo)

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        rows = pool.map(work, [(classifier, photo) for photo in photos[:4]])
    assert rows == [classifier.predict(photo) for photo in photos[:4]]
    print("well")
"""
        file = support.folder() / "spawned.py"
        file.write_text(code)
        done = subprocess.run([sys.executable, str(file), *self.arguments], capture_output=True, text=True, timeout=120)
        self.assertEqual((done.stdout, done.returncode), ("well\n", 0), done.stderr)

    def test_an_interpreter_ends_while_threads_are_at_work(self) -> None:
        code = SETUP + """
def work():
    while True:
        classifier.predict(photos)
        backbone.features(photos)

def train():
    icecap.train([(photo, place % 2) for place, photo in enumerate(photos)], epochs=1_000_000, cache=False)

for target in [work] * 6 + [train] * 2:
    threading.Thread(target=target, daemon=True).start()
time.sleep(float(os.environ["PAUSE"]))
print("end", flush=True)
"""
        for pause in ("0", "0.2", "0.7"):
            with self.subTest(pause):
                os.environ["PAUSE"] = pause
                said = python(code, *self.arguments)
                self.assertTrue(said.startswith("end"), said)
                self.assertNotIn("Fatal", said)
                self.assertNotIn("panick", said)

    def test_workers_of_a_pool_end_with_their_work_done(self) -> None:
        code = SETUP + """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(4)
found = [pool.submit(classifier.predict, photo) for photo in photos]
import atexit
atexit.register(lambda: print(sum(len(one.result()) for one in found)))
"""
        self.assertEqual(python(code, *self.arguments), "20\n")


class Documents(unittest.TestCase):
    """`docs/python.md`."""

    def test_the_first_example_runs(self) -> None:
        if not DOCS.exists():
            self.skipTest("the docs are not here")
        example = re.search(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
        assert example is not None
        place = support.folder() / "example"
        place.mkdir()
        (place / "photos").symlink_to(support.demo() / "photos")
        said = python(example.group(1), folder=place)
        self.assertIn("accuracy", said)
        self.assertTrue((place / "model.safetensors").exists())

    @unittest.skipUnless(importlib.util.find_spec("mypy"), "no mypy here")
    def test_examples_and_package_are_typed(self) -> None:
        blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
        self.assertGreater(len(blocks), 3)
        files = []
        for number, block in enumerate(blocks):
            file = support.folder() / f"example_{number}.py"
            file.write_text(block, encoding="utf-8")
            files.append(str(file))
        # scikit-learn has no types.
        words = ["--disable-error-code", "import-untyped", "--strict", "--python-version", "3.10", "--cache-dir", str(support.folder() / "mypy")]
        for what in (files, ["-p", "icecap"]):
            command = [sys.executable, "-m", "mypy", *words, *what]
            done = subprocess.run(command, capture_output=True, text=True, cwd=support.folder())
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
