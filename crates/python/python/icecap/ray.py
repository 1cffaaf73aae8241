"""Photos of a Ray dataset to features or predictions.

>>> import ray  # doctest: +SKIP
>>> from icecap.ray import embed  # doctest: +SKIP
>>> photos = ray.data.read_binary_files("photos/", include_paths=True)  # doctest: +SKIP
>>> embed(photos, "keras-1.0-160", workers=8).write_parquet("features/")  # doctest: +SKIP

``ray.data.read_images`` decodes with Pillow, whose pixels are not those of icecap: read the files. Each worker is an actor that opens the weights
once, and refuses others than those of the program that asks. A worker that dies is started anew by Ray, and its batch computed again.
"""

from __future__ import annotations

import os
from typing import Any

from .arrow import Classify, Embedder

try:
    import ray.data  # type: ignore[import-not-found,import-untyped,unused-ignore]
except ImportError as error:
    raise ImportError("icecap.ray needs Ray: pip install 'icecap[ray]'") from error

__all__ = ["Classify", "Embedder", "classify", "embed"]


def embed(
    dataset: ray.data.Dataset,
    weights: str | os.PathLike[str] = "starter",
    *,
    workers: int = 1,
    threads: int = 1,
    batch_size: int = 64,
    **options: Any,
) -> ray.data.Dataset:
    """Maps :class:`icecap.arrow.Embedder` over a dataset.

    :param workers: How many actors work at once.
    :param threads: How many processors each of them has, and uses.
    :param batch_size: Photos of one call; 64 of 100 KB are small beside what an actor holds.
    :param options: What else the embedder takes.
    """
    options = {"sha256": Embedder(weights, **options).sha256, **options}
    return _mapped(dataset, Embedder, (weights,), (workers, threads, batch_size), options)


def classify(
    dataset: ray.data.Dataset,
    model: str | os.PathLike[str],
    *,
    workers: int = 1,
    threads: int = 1,
    batch_size: int = 64,
    **options: Any,
) -> ray.data.Dataset:
    """Maps :class:`icecap.arrow.Classify` over a dataset; the rest as :func:`embed`."""
    options = {"sha256": Classify(model, **options).sha256, **options}
    return _mapped(dataset, Classify, (model,), (workers, threads, batch_size), options)


def _mapped(dataset: Any, kind: type, names: tuple[Any, ...], how: tuple[int, int, int], options: dict[str, Any]) -> Any:
    workers, threads, batch_size = how
    return dataset.map_batches(
        kind,
        fn_constructor_args=names,
        fn_constructor_kwargs={"threads": threads, **options},
        batch_format="pyarrow",
        batch_size=batch_size,
        # Views into Ray's memory are read, and never written to.
        zero_copy_batch=True,
        num_cpus=threads,
        compute=ray.data.ActorPoolStrategy(size=workers),
    )
