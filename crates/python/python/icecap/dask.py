"""Photos of a Dask data frame to features or predictions.

>>> import dask.dataframe as dd  # doctest: +SKIP
>>> from icecap.dask import embed  # doctest: +SKIP
>>> embed(dd.read_parquet("photos/"), "keras-1.0-160").to_parquet("features/")  # doctest: +SKIP

A partition is computed at a time, by the thread that has it: give Dask as many threads as there are processors, and leave
``threads`` at 1. Dask takes columns of Python's bytes for text unless ``dataframe.convert-string`` is off in its settings. Threads of a process share the weights. A worker that dies loses the partitions that it had, which Dask computes again.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import pyarrow as pa

from .arrow import Classify, Embedder

try:
    import dask.dataframe as dd
    import pandas as pd
except ImportError as error:
    raise ImportError("icecap.dask needs Dask with its data frames: pip install 'icecap[dask]'") from error

__all__ = ["classify", "embed"]

_LOCK = threading.Lock()


def embed(frame: dd.DataFrame, weights: str | os.PathLike[str] = "starter", **options: Any) -> dd.DataFrame:
    """Maps :class:`icecap.arrow.Embedder` over a data frame; its options are those of ``options``."""
    return _mapped(frame, Embedder(weights, **options))


def classify(frame: dd.DataFrame, model: str | os.PathLike[str], **options: Any) -> dd.DataFrame:
    """Maps :class:`icecap.arrow.Classify` over a data frame; its options are those of ``options``."""
    return _mapped(frame, Classify(model, **options))


def _mapped(frame: dd.DataFrame, mapper: Embedder | Classify) -> dd.DataFrame:
    meta = _with(frame._meta, mapper, pa.schema(mapper.fields()).empty_table())
    return frame.map_partitions(_Partition(mapper), meta=meta)  # type: ignore[no-any-return,no-untyped-call,unused-ignore]


class _Partition:
    """A mapper of data frames."""

    def __init__(self, mapper: Embedder | Classify) -> None:
        self._mapper = mapper

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        with _LOCK:
            # Opened once, whichever thread comes first.
            self._mapper.open()
        photos = pa.chunked_array([pa.array(frame[self._mapper.image(list(frame.columns))], from_pandas=True)])
        computed = pa.Table.from_arrays(self._mapper.computed(photos), schema=pa.schema(self._mapper.fields()))
        return _with(frame, self._mapper, computed)


def _with(frame: pd.DataFrame, mapper: Embedder | Classify, computed: pa.Table) -> pd.DataFrame:
    """The columns of a data frame that are kept, as they are, and those that were computed."""
    kept = mapper.kept(list(frame.columns))
    own = frame[kept].rename(columns={name: mapper.called(name) for name in kept})
    new = computed.to_pandas(types_mapper=pd.ArrowDtype).set_axis(frame.index)
    return pd.concat([own, new], axis="columns")
