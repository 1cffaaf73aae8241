"""Photos of a Spark data frame to features or predictions.

>>> from icecap.spark import embed  # doctest: +SKIP
>>> photos = spark.read.format("binaryFile").option("recursiveFileLookup", True).load("photos/")  # doctest: +SKIP
>>> embed(photos, "keras-1.0-160").write.parquet("features/")  # doctest: +SKIP

Spark hands over as many rows at once as ``spark.sql.execution.arrow.maxRecordsPerBatch`` says, 10,000 by default: of photos that is
a gigabyte. Set it to 256 or so. Python workers are kept (``spark.python.worker.reuse``), and open the weights once. Give
``threads`` the number of processors that a task has (``spark.task.cpus``, 1 by default). An executor that dies loses its tasks alone, which Spark runs again.
"""

from __future__ import annotations

import copy
import os
import pickle
from typing import Any, Callable, Iterable, Iterator

import pyarrow as pa

from .arrow import Classify, Embedder

try:
    from pyspark.sql import DataFrame  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from pyspark.sql.pandas.types import from_arrow_schema  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from pyspark.sql.types import StructType  # type: ignore[import-not-found,import-untyped,unused-ignore]
except ImportError as error:
    raise ImportError("icecap.spark needs PySpark 3.3 or newer: pip install 'icecap[spark]'") from error

__all__ = ["classify", "embed"]

# What this process has opened, by what it was pickled as: a worker computes many partitions.
_OPENED: dict[bytes, Any] = {}
_MOST = 4


def embed(frame: DataFrame, weights: str | os.PathLike[str] = "starter", **options: Any) -> DataFrame:
    """Maps :class:`icecap.arrow.Embedder` over a data frame; its options are those of ``options``. Embeddings are arrays of floats, as Spark
    knows no lists of fixed size."""
    return _mapped(frame, Embedder(weights, fixed=False, **options))


def classify(frame: DataFrame, model: str | os.PathLike[str], **options: Any) -> DataFrame:
    """Maps :class:`icecap.arrow.Classify` over a data frame; its options are those of ``options``."""
    return _mapped(frame, Classify(model, **options))


def _mapped(frame: DataFrame, mapper: Embedder | Classify) -> DataFrame:
    # Hashes have a length that Spark's binary column does not state.
    computed = pa.schema([field.with_type(_plain(field.type)) for field in mapper.fields()])
    kept = [copy.copy(field) for field in frame.schema.fields if field.name in mapper.kept(frame.schema.names)]
    for field in kept:
        field.name = mapper.called(field.name)
    schema = StructType(kept + from_arrow_schema(computed).fields)
    return frame.mapInArrow(_of_batches(pickle.dumps(mapper)), schema)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.binary() if pa.types.is_fixed_size_binary(kind) else kind


def _of_batches(pickled: bytes) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def mapped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from icecap.spark import opened, plain

        mapper = opened(pickled)
        for batch in batches:
            if batch.num_rows:
                yield from plain(mapper(pa.Table.from_batches([batch]))).to_batches()

    return mapped


def plain(table: pa.Table) -> pa.Table:
    """The table with hashes as Spark has them."""
    return table.cast(pa.schema([field.with_type(_plain(field.type)) for field in table.schema]))


def opened(pickled: bytes) -> Any:
    """What was pickled, once for each process."""
    if pickled not in _OPENED:
        # A worker that is kept for long sees many; the last few are enough.
        while len(_OPENED) >= _MOST:
            del _OPENED[next(iter(_OPENED))]
        _OPENED[pickled] = pickle.loads(pickled)
    return _OPENED[pickled]
