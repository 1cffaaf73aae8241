"""Columns of photos in Apache Arrow tables to columns of features or predictions: what Ray, Spark, Dask and others map over
their data. It needs pyarrow.

>>> import pyarrow.parquet as pq  # doctest: +SKIP
>>> from icecap.arrow import Embedder  # doctest: +SKIP
>>> Embedder("keras-1.0-160")(pq.read_table("photos.parquet"))  # doctest: +SKIP

A photo is the bytes of its file, a path, or an object with both as the datasets of Hugging Face have it. A row comes out for each
row that goes in, in the same order. A photo that cannot be used has its reason in ``error`` and null in what would be
computed of it, and ends nothing.

What maps here is pickled by its settings and opens its weights when the first table comes: once for each process.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Iterator

import numpy as np

from ._backbone import Backbone
from ._classifier import Classifier

try:
    import pyarrow as pa
except ImportError as error:
    raise ImportError("icecap.arrow needs pyarrow: pip install 'icecap[arrow]'") from error

if TYPE_CHECKING:
    from ._photos import Photo

__all__ = ["Classify", "Embedder"]

# Names of the column of photos, the first that a table has: Ray's, Spark's, that of Hugging Face's datasets, and plain ones.
_IMAGES = ("bytes", "content", "image", "photo", "path")


class _Mapper:
    """Photos of a table, and the columns that come of them."""

    def __init__(self, image: str | None) -> None:
        self._image = image

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}

    def open(self) -> None:
        """Opens in this process what the settings name, if it is not open."""
        raise NotImplementedError

    def image(self, names: list[str]) -> str:
        """The name of the column of photos."""
        if self._image is not None:
            if self._image not in names:
                raise ValueError(f"image: there is no column {self._image!r} among {', '.join(names)}")
            return self._image
        for name in _IMAGES:
            if name in names:
                return name
        raise ValueError(f"no column of photos among {', '.join(names)}; name it with image=…")

    def kept(self, names: list[str]) -> list[str]:
        """Which of the columns come out: not those of files, and not those that are called as what is computed."""
        column = self.image(names)
        # A path tells which photo a row is.
        files = {column} if column != "path" else set()
        computed = {field.name for field in self.fields()}
        kept = [name for name in names if name not in files and self.called(name) not in computed]
        return [name for name in kept if name == self.called(name) or self.called(name) not in names]

    def called(self, name: str) -> str:
        """What a column is called when it comes out."""
        return name

    def fields(self) -> list[pa.Field]:
        """The columns that are computed."""
        raise NotImplementedError

    def schema(self, given: pa.Schema) -> pa.Schema:
        """The schema of what comes out for tables of the schema ``given``."""
        kept = [given.field(name).with_name(self.called(name)) for name in self.kept(given.names)]
        return pa.schema(kept + self.fields(), given.metadata)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Computes the columns.

        :param table: A table, or a batch of records, with a column of photos.
        :returns: A table with a row for each of its rows: its other columns, and the computed ones behind them.
        :raises ValueError: If there is no column of photos, or it holds something else.
        """
        if isinstance(table, pa.RecordBatch):
            table = pa.Table.from_batches([table])
        names = table.schema.names
        columns = [table.column(name) for name in self.kept(names)]
        return pa.Table.from_arrays(columns + self.computed(table.column(self.image(names))), schema=self.schema(table.schema))

    def computed(self, photos: pa.ChunkedArray) -> list[pa.Array]:
        """The computed columns of a column of photos."""
        taken, hashes = [], []
        for photo in _photos(photos):
            taken.append(photo)
            hashes.append(_sha256(photo))
        return [pa.array(hashes, pa.binary(32)), *self._compute(taken)]

    def _compute(self, photos: list[Photo]) -> list[pa.Array]:
        raise NotImplementedError


def _photos(column: pa.ChunkedArray) -> Iterator[Photo]:
    """The photos of a column, not copied. One that is null is of no bytes, which is told as an empty file."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_null(kind):
        yield from (b"" for _ in range(len(column)))
        return
    for view, plain in (("is_binary_view", pa.large_binary()), ("is_string_view", pa.large_string())):
        if getattr(pa.types, view, lambda _: False)(kind):
            column, kind = column.cast(plain), plain
    if pa.types.is_struct(kind):
        names = {kind.field(place).name for place in range(kind.num_fields)}
        if "bytes" not in names:
            raise ValueError(f"image: an object of {', '.join(sorted(names))} is no photo; it needs 'bytes'")
        for value in column:
            own = value["bytes"] if value.is_valid else None
            if own is not None and own.is_valid:
                yield memoryview(own.as_buffer())
            elif value.is_valid and "path" in names and value["path"].is_valid:
                yield value["path"].as_py()
            else:
                yield b""
        return
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    if not is_text and not is_bytes:
        raise ValueError(f"image: a column of {kind} has no photos; it needs the bytes of files, or their paths")
    for value in column:
        if not value.is_valid:
            yield b""
        else:
            yield value.as_py() if is_text else memoryview(value.as_buffer())


def _sha256(photo: Photo) -> bytes | None:
    """The hash of a photo's file; ``None`` of a file that cannot be read, or of no bytes."""
    if not isinstance(photo, str):
        return hashlib.sha256(photo).digest() if len(photo) else None  # type: ignore[arg-type]
    own = hashlib.sha256()
    try:
        with open(photo, "rb") as file:
            while piece := file.read(1 << 20):
                own.update(piece)
    except OSError:
        return None
    return own.digest()


class Embedder(_Mapper):
    """Computes the features of photos: columns ``sha256`` (of the file), ``embedding`` (float32, as many as the backbone has
    features) and ``error``.

    :param weights: Weights by name or file, as :meth:`icecap.Backbone.open` takes them. Every machine needs the file.
    :param image: The column of photos; by default the first of ``bytes``, ``content``, ``image``, ``photo``, ``path``.
    :param threads: How many threads a process computes with. Engines run several processes on one machine; give each as many as
        the engine was told.
    :param sha256: The hash that the net must have (:attr:`icecap.Backbone.sha256`); by default that of the net found here.
    :param fixed: Whether an embedding is a list of fixed size, as Parquet keeps it; engines that know no such lists get plain ones.
    :param options: What else :meth:`icecap.Backbone.open` takes.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] = "starter",
        *,
        image: str | None = None,
        threads: int = 1,
        fixed: bool = True,
        sha256: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(image)
        self._fixed, self._net = fixed, sha256
        self._asked = os.fspath(weights), {"threads": threads, **options}
        self._opened: Backbone | None = None
        # A wrong name or option is told where this is made; what the weights are is part of what is pickled.
        self._width, self._net = self.backbone.width, self.backbone.sha256

    def open(self) -> None:
        _ = self.backbone

    @property
    def sha256(self) -> str:
        """The hash of the net."""
        return self._net or self.backbone.sha256

    @property
    def backbone(self) -> Backbone:
        """The backbone, opened when it is first needed in this process."""
        if self._opened is None:
            weights, options = self._asked
            self._opened = Backbone.open(weights, **options)
            if self._net not in (None, self._opened.sha256):
                self._opened = None
                raise ValueError(f"{weights}: another net than where this was made; give every machine the same file")
        return self._opened

    def fields(self) -> list[pa.Field]:
        size = self._width if self._fixed else -1
        return [
            pa.field("sha256", pa.binary(32)),
            pa.field("embedding", pa.list_(pa.float32(), size)),
            pa.field("error", pa.string()),
        ]

    def _compute(self, photos: list[Photo]) -> list[pa.Array]:
        rows, failed = self.backbone.features(photos, errors="row")
        missing = np.asarray([error is not None for error in failed], dtype=bool)
        values = pa.array(rows.reshape(-1), pa.float32())
        if self._fixed:
            embedding = pa.FixedSizeListArray.from_arrays(values, self._width, mask=pa.array(missing))
        else:
            offsets = pa.array(np.arange(len(photos) + 1, dtype=np.int32) * self._width)
            embedding = pa.ListArray.from_arrays(offsets, values, mask=pa.array(missing))
        return [embedding, pa.array([None if error is None else str(error) for error in failed], pa.string())]


class Classify(_Mapper):
    """Computes the class of photos: columns ``sha256`` (of the file), ``label``, ``probability``, ``probabilities`` (float32, in the
    order of the model's classes) and ``error``. A column of the table that is called ``label`` is the truth, and comes out
    as ``true_label``.

    :param model: A model file of ``icecap train``. Every machine needs it.
    :param image: The column of photos, as of :class:`Embedder`.
    :param threads: How many threads a process computes with.
    :param sha256: The hash that the model's file must have; by default that of the file found here.
    :param options: What else :meth:`icecap.Classifier.open` takes.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        image: str | None = None,
        threads: int = 1,
        sha256: bytes | None = None,
        **options: Any,
    ) -> None:
        super().__init__(image)
        self._asked = os.fspath(model), {"threads": threads, **options}
        self._opened: Classifier | None = None
        # A wrong name is told where this is made; what the model is is part of what is pickled.
        self.sha256 = sha256 or _sha256(os.fspath(model))
        self.open()

    def open(self) -> None:
        _ = self.classifier

    @property
    def classifier(self) -> Classifier:
        """The classifier, opened when it is first needed in this process."""
        if self._opened is None:
            model, options = self._asked
            if os.path.exists(model) and _sha256(model) != self.sha256:
                raise ValueError(f"{model}: another model than where this was made; give every machine the same file")
            self._opened = Classifier.open(model, **options)
        return self._opened

    def called(self, name: str) -> str:
        return "true_label" if name == "label" else name

    def fields(self) -> list[pa.Field]:
        return [
            pa.field("sha256", pa.binary(32)),
            pa.field("label", pa.string()),
            pa.field("probability", pa.float32()),
            pa.field("probabilities", pa.list_(pa.float32())),
            pa.field("error", pa.string()),
        ]

    def _compute(self, photos: list[Photo]) -> list[pa.Array]:
        rows = self.classifier.predict(photos, all=True, errors="row")
        told = [row["probabilities"] for row in rows]
        return [
            pa.array([row["label"] for row in rows], pa.string()),
            pa.array([row["probability"] for row in rows], pa.float32()),
            pa.array([None if by_name is None else list(by_name.values()) for by_name in told], pa.list_(pa.float32())),
            pa.array([row["error"] for row in rows], pa.string()),
        ]
