"""Arrow tables, and the engines that map over them: the bits of `features` and `predict`, in whatever order and batches.

Ray, Spark and Dask are run where they are installed; a Ray or Spark that starts takes half a minute."""

from __future__ import annotations

import importlib.util
import os
import pickle
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from support import folder, model, photos

import icecap


def needs(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise unittest.SkipTest(f"{module} is not installed")


def files(count: int) -> list[str]:
    """Photos of which one is broken."""
    folder()
    broken = folder() / "broken.png"
    broken.write_bytes(b"no photo")
    found = photos(count)
    return [*found[: count // 2], str(broken), *found[count // 2 :]]


def expected(paths: list[str]) -> dict[str, bytes | None]:
    rows, failed = icecap.Backbone.open("starter", threads=1).features(paths, errors="row")
    return {path: None if error else row.tobytes() for path, row, error in zip(paths, rows, failed)}


def got(table: object) -> dict[str, bytes | None]:
    """The embedding of each path in a table of pyarrow."""
    paths = [path.removeprefix("file://").removeprefix("file:") for path in table["path"].to_pylist()]  # type: ignore[index]
    embeddings = table["embedding"].to_pylist()  # type: ignore[index]
    errors = table["error"].to_pylist()  # type: ignore[index]
    assert all((error is None) == (row is not None) for error, row in zip(errors, embeddings))
    return {path: None if row is None else np.float32(row).tobytes() for path, row in zip(paths, embeddings)}


class Tables(unittest.TestCase):
    def setUp(self) -> None:
        needs("pyarrow")

    def test_every_kind_of_column_has_the_features_of_its_photos(self) -> None:
        import pyarrow as pa

        from icecap.arrow import Embedder

        paths = files(9)
        content = [Path(path).read_bytes() for path in paths]
        embedder = Embedder()
        both = [{"bytes": data if place % 2 else None, "path": path} for place, (data, path) in enumerate(zip(content, paths))]
        for name, column in {
            "bytes": pa.array(content, pa.large_binary()),
            "content": pa.chunked_array([content[:4], content[4:]], pa.binary()),
            "image": pa.array(both),
            "photo": pa.array(paths).dictionary_encode(),
        }.items():
            for count in (1, 3, 10):
                tables = [
                    embedder(pa.table({"path": paths[at : at + count], name: column[at : at + count]}))
                    for at in range(0, len(paths), count)
                ]
                table = pa.concat_tables(tables)
                self.assertEqual(got(table), expected(paths), (name, count))
                self.assertEqual(table.column_names, ["path", "sha256", "embedding", "error"])
                self.assertEqual(table.schema, embedder.schema(pa.schema([("path", pa.string()), (name, column.type)])))
        alone = embedder(pa.table({"path": paths}))
        self.assertEqual((got(alone), alone.column_names[0]), (expected(paths), "path"))
        again = pickle.loads(pickle.dumps(embedder))
        self.assertEqual(got(again(pa.table({"path": paths}))), expected(paths))

    def test_what_is_no_column_of_photos_is_refused(self) -> None:
        import pyarrow as pa

        from icecap.arrow import Classify, Embedder

        for table, words in [
            (pa.table({"x": [1]}), "no column of photos among x"),
            (pa.table({"image": [1]}), "a column of int64 has no photos"),
            (pa.table({"image": [{"a": 1}]}), "needs 'bytes'"),
        ]:
            with self.assertRaisesRegex(ValueError, words):
                Embedder()(table)
        with self.assertRaisesRegex(ValueError, "no column 'y'"):
            Embedder(image="y")(pa.table({"x": [b""]}))
        with self.assertRaises(FileNotFoundError):
            Embedder("no-such-weights.h5")
        with self.assertRaises(FileNotFoundError):
            Classify("no-such-model.safetensors")
        with self.assertRaisesRegex(ValueError, "another net than where this was made"):
            Embedder(sha256="0" * 64)
        with self.assertRaisesRegex(ValueError, "another model than where this was made"):
            Classify(model(), sha256=b"0" * 32)
        nothing = Embedder()(pa.table({"image": pa.nulls(2), "k": [1, 2]}))
        self.assertEqual((nothing["k"].to_pylist(), nothing["embedding"].to_pylist()), ([1, 2], [None, None]))
        rows = Embedder()(pa.table({"image": pa.array([None, b""], pa.binary())}))
        self.assertEqual([row is None for row in rows["embedding"].to_pylist()], [True, True])
        self.assertTrue(all(rows["error"].to_pylist()))
        self.assertEqual(Embedder()(pa.table({"image": pa.array([], pa.binary())})).num_rows, 0)

    def test_predictions_are_those_of_the_classifier(self) -> None:
        import pyarrow as pa

        from icecap.arrow import Classify

        paths = files(12)
        table = Classify(model())(pa.table({"path": paths, "label": ["truth"] * len(paths)}))
        rows = icecap.Classifier.open(model(), threads=1).predict(paths, all=True, errors="row")
        self.assertEqual(table.column_names, ["path", "true_label", "sha256", "label", "probability", "probabilities", "error"])
        self.assertEqual(table["label"].to_pylist(), [row["label"] for row in rows])
        told = [row["probabilities"] and list(row["probabilities"].values()) for row in rows]
        for one, other in zip(table["probabilities"].to_pylist(), told, strict=True):
            self.assertEqual(one and np.float32(one).tobytes(), other and np.float32(other).tobytes())
        self.assertEqual(table["error"].to_pylist(), [row["error"] for row in rows])


class Engines(unittest.TestCase):
    def test_dask_has_the_same_bits(self) -> None:
        needs("dask.dataframe" if importlib.util.find_spec("dask") else "dask")
        needs("pandas")
        import dask.dataframe as dd
        import pandas as pd
        import pyarrow as pa

        from icecap.dask import classify, embed

        import dask

        # Else a column of bytes is taken for text.
        keeping = dask.config.set({"dataframe.convert-string": False})
        keeping.__enter__()
        self.addCleanup(keeping.__exit__, None, None, None)
        paths = files(16)
        frame = pd.DataFrame({"path": paths, "bytes": [Path(path).read_bytes() for path in paths]})
        for partitions in (1, 3):
            mapped = embed(dd.from_pandas(frame, npartitions=partitions)).compute(scheduler="threads")
            self.assertEqual(got(pa.Table.from_pandas(mapped, preserve_index=False)), expected(paths), partitions)
            self.assertEqual(list(mapped.index), list(frame.index))
        said = classify(dd.from_pandas(frame, npartitions=2), model()).compute(scheduler="threads")
        rows = icecap.Classifier.open(model()).predict(paths, errors="row")
        self.assertEqual([label if isinstance(label, str) else None for label in said["label"]], [row["label"] for row in rows])

    def test_ray_has_the_same_bits_though_a_worker_dies(self) -> None:
        needs("ray")
        import pyarrow as pa
        import ray

        from icecap.ray import Embedder, embed

        paths = files(40)
        ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
        self.addCleanup(ray.shutdown)
        rows = [{"path": path, "bytes": Path(path).read_bytes()} for path in paths]
        whole = expected(paths)
        for batch_size in (1, 7, 64):
            mapped = embed(ray.data.from_items(rows), workers=2, batch_size=batch_size)
            table = pa.concat_tables(ray.get(mapped.to_arrow_refs()), promote_options="permissive")
            self.assertEqual(got(table), whole, batch_size)
        mark = folder() / "died"

        class Dying(Embedder):
            def __call__(self, table: pa.Table) -> pa.Table:
                if not mark.exists() and table.num_rows:
                    mark.touch()
                    os._exit(1)
                return super().__call__(table)

        mapped = ray.data.from_items(rows).map_batches(
            Dying,
            batch_format="pyarrow",
            batch_size=8,
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(size=2),
        )
        table = pa.concat_tables(ray.get(mapped.to_arrow_refs()), promote_options="permissive")
        self.assertEqual((got(table), mark.exists()), (whole, True))

    def test_spark_has_the_same_bits_though_an_executor_dies(self) -> None:
        needs("pyspark")
        from pyspark.sql import SparkSession

        os.environ["PYSPARK_PYTHON"] = sys.executable

        from icecap.spark import classify, embed

        paths = files(40)
        place = tempfile.mkdtemp(dir=folder())
        for number, path in enumerate(paths):
            (Path(place) / f"{number}.png").write_bytes(Path(path).read_bytes())
        copies = [f"{place}/{number}.png" for number in range(len(paths))]
        whole = expected(copies)
        session = (
            SparkSession.builder.master("local-cluster[2,1,1024]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", "8")
            .config("spark.sql.files.maxPartitionBytes", "40000")
            .getOrCreate()
        )
        self.addCleanup(session.stop)
        session.sparkContext.setLogLevel("OFF")
        frame = session.read.format("binaryFile").load(place)
        self.assertEqual(got(embed(frame).toArrow()), whole)
        mark = str(folder() / "executor-died")

        def dying(batches):  # type: ignore[no-untyped-def]
            for batch in batches:
                if not os.path.exists(mark):
                    open(mark, "w").close()
                    # The Java process of the executor, above this worker and the daemon that forked it.
                    daemon = int(open(f"/proc/{os.getppid()}/stat").read().rsplit(")", 1)[1].split()[1])
                    os.kill(daemon, 9)
                yield batch

        mapped = embed(frame.mapInArrow(dying, frame.schema))
        self.assertEqual((got(mapped.toArrow()), os.path.exists(mark)), (whole, True))
        said = classify(frame, model()).toArrow()
        rows = icecap.Classifier.open(model()).predict(copies, errors="row")
        by_path = {path.removeprefix("file://").removeprefix("file:"): label for path, label in zip(said["path"].to_pylist(), said["label"].to_pylist())}
        self.assertEqual(by_path, {path: row["label"] for path, row in zip(copies, rows)})


if __name__ == "__main__":
    unittest.main()
