#!/usr/bin/env python3
"""Seeds for the fuzz targets: the committed golden files, and small files as PyTorch and Keras write them.

Neither of the two is needed: `torch.save` pickles a tensor as a call of `torch._utils._rebuild_tensor_v2` on a storage
that it names, and Python's own pickler does so for a stand-in of these names.

usage: seeds.py GOLDEN PHOTOS
"""

import argparse
import collections
import io
import json
import pathlib
import pickle
import shutil
import struct
import sys
import tarfile
import types
import zipfile

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
# What a file of before version 1.6 starts with: two numbers and what the numbers of its system are like.
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": VERSION, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
SIZES = {"FloatStorage": 4, "LongStorage": 8, "HalfStorage": 2, "BFloat16Storage": 2}

torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
sys.modules.update({"torch": torch, "torch._utils": utils})
for name in SIZES:
    setattr(torch, name, type(name, (), {"__module__": "torch"}))


def _rebuild_tensor_v2():
    """Never called: only its name goes into a file."""


_rebuild_tensor_v2.__module__ = "torch._utils"
utils._rebuild_tensor_v2 = _rebuild_tensor_v2


class Storage:
    """Values of one type, shared by the tensors that look at them."""

    def __init__(self, kind, values):
        self.kind, self.values = kind, values
        self.count = len(values) // SIZES[kind]


class Tensor:
    """A view of a storage, its strides those of an array in one run where none are given."""

    def __init__(self, storage, sizes, strides=None, offset=0):
        steps = [1] * len(sizes)
        for axis in range(len(sizes) - 1, 0, -1):
            steps[axis - 1] = steps[axis] * sizes[axis]
        self.about = (storage, offset, tuple(sizes), tuple(strides or steps), False, collections.OrderedDict())

    def __reduce__(self):
        return _rebuild_tensor_v2, self.about


class Pickler(pickle.Pickler):
    """Names storages instead of pickling them, and keeps them by their keys."""

    def __init__(self, out, legacy):
        super().__init__(out, protocol=2)
        self.storages, self.legacy = [], legacy

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        if value not in self.storages:
            self.storages.append(value)
        about = ("storage", getattr(torch, value.kind), str(self.storages.index(value)), "cpu", value.count)
        return (*about, None) if self.legacy else about


def pickled(value, legacy):
    out = io.BytesIO()
    pickler = Pickler(out, legacy)
    pickler.dump(value)
    return out.getvalue(), pickler.storages


def save(value, path):
    """As `torch.save` does: an archive."""
    body, storages = pickled(value, legacy=False)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{path.stem}/data.pkl", body)
        archive.writestr(f"{path.stem}/byteorder", "little")
        for key, storage in enumerate(storages):
            archive.writestr(f"{path.stem}/data/{key}", storage.values)
        archive.writestr(f"{path.stem}/version", "3\n")


def save_legacy(value, path):
    """As it did before version 1.6: pickles, and the values behind them."""
    body, storages = pickled(value, legacy=True)
    keys = [str(key) for key in range(len(storages))]
    start = b"".join(pickle.dumps(part, protocol=2) for part in (MAGIC, VERSION, SYSTEM))
    values = (struct.pack("<q", storage.count) + storage.values for storage in storages)
    path.write_bytes(start + body + pickle.dumps(keys, protocol=2) + b"".join(values))


def floats(*values):
    return Storage("FloatStorage", struct.pack(f"<{len(values)}f", *values))


def dicts():
    """State dicts as they come: plain, views in another order, a checkpoint, other element types."""
    whole = floats(*range(24))
    counter = Tensor(Storage("LongStorage", struct.pack("<q", 3)), ())
    plain = collections.OrderedDict(
        [("features.0.0.weight", Tensor(whole, (2, 3, 2, 2))), ("features.0.1.running_var", Tensor(floats(1, 1), (2,))), ("n", counter)]
    )
    plain._metadata = collections.OrderedDict([("", {"version": 1})])
    yield "plain", plain
    yield "view", {"conv_stem.weight": Tensor(whole, (2, 3, 2, 2), (12, 1, 6, 3)), "bn1.bias": Tensor(whole, (2,), offset=4)}
    yield "checkpoint", {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in plain.items()}, "lr": 0.5, "note": None}
    averages = {f"module.{k}": v for k, v in plain.items()} | {"n_averaged": counter}
    yield "averages", {"model": plain, "model_ema": averages, "args": argparse.Namespace(lr=0.5, path=pathlib.PurePosixPath("a"))}
    head = {"fc.1.weight": Tensor(whole, (4, 6)), "fc.2.running_mean": Tensor(whole, (4,)), "fc.2.running_var": Tensor(whole, (4,))}
    yield "head", plain | head | {"fc.4.weight": Tensor(whole, (2, 4)), "criterion.weight": Tensor(whole, (2,))}
    half, brain = (Tensor(Storage(kind, bytes(6)), (3,)) for kind in ("HalfStorage", "BFloat16Storage"))
    yield "types", {"a": half, "b": brain, "c": [1, (2, "x")]}


def folder(target):
    path = CORPUS / target
    path.mkdir(parents=True, exist_ok=True)
    return path


CONFIGS = {
    "empty": "{}",
    "model": '{"class_name": "Sequential", "config": {"layers": [{"class_name": "Rescaling", "config": {"scale": 0.1}}, '
    '{"class_name": "Dense", "config": {"units": 2, "activation": "softmax"}}]}}',
}


LISTS = (
    "path,label\na/1.jpg,cat\n\"b,2.jpg\",\"a \"\"dog\"\"\"\n",
    "path;label;split\na.jpg;1;train\nb.jpg;0;val\n",
    "part,class,path\ntrain,cat,a/1.jpg\nval,dog,b/2.jpg\n",
    "cat\ndog\n",
    "# left out\na/1.jpg\nb/2.jpg\n",
    '[[weights]]\nname = "own"\nfile = "a.safetensors"\nsha256 = "00"\n',
)
# How each kind of file in a cache starts.
KEPT = (b"icecapF1", b"icecapS1", b"icecapPK")


def photos(path):
    """The small photos of a golden file: its tensors whose names begin with `file `."""
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    values = whole[8 + length :]
    for name, tensor in json.loads(whole[8 : 8 + length]).items():
        start, end = tensor.get("data_offsets", (0, 0))
        if name.startswith("file ") and end - start < 1 << 16:
            yield values[start:end]


def tables(folder):
    """Small Parquet files with photos in them, as pyarrow writes them; none without it."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        print("no pyarrow here: photo_parquet begins without seeds")
        return
    names = b'{"info": {"features": {"image": {"_type": "Image"}, "label": {"names": ["a", "b"], "_type": "ClassLabel"}}}}'
    photos = [{"bytes": name.encode() * 3, "path": name} for name in ("1.jpg", "2.jpg", "2.jpg")] + [None]
    table = pa.table({"image": photos, "label": pa.array([0, 1, -1, None], pa.int64())})
    for number, (codec, version, dictionary) in enumerate(
        (("none", "1.0", False), ("snappy", "1.0", True), ("zstd", "2.0", True), ("zstd", "2.0", False))
    ):
        words = table.replace_schema_metadata({"huggingface": names} if number % 2 else {})
        how = {"compression": codec, "data_page_version": version, "use_dictionary": dictionary}
        pq.write_table(words, folder / f"{number}.parquet", row_group_size=3, store_schema=False, **how)
    spark = pa.table({"path": ["file:/1.jpg"], "content": [b"1.jpg"], "label": ["a"]})
    pq.write_table(spark, folder / "spark.parquet")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("golden", type=pathlib.Path)
    parser.add_argument("photos", type=pathlib.Path, help="the folder of awkward_photos.safetensors")
    options = parser.parse_args()
    golden = options.golden
    for number, photo in enumerate(photos(options.photos / "awkward_photos.safetensors")):
        (folder("photo") / str(number)).write_bytes(photo)
    for path in golden.glob("*.safetensors"):
        shutil.copy(path, folder("safetensors"))
        shutil.copy(path, folder("model"))
    for path in (golden / "hdf5").glob("*.h5"):
        shutil.copy(path, folder("hdf5"))
        for (config, text), method in zip(CONFIGS.items(), (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)):
            target = folder("keras_archive") / f"{path.stem}_{config}.keras"
            with zipfile.ZipFile(target, "w", method) as archive:
                archive.writestr("config.json", text)
                archive.write(path, "model.weights.h5")
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(folder("photo_zip") / f"{method}.zip", "w", method) as archive:
            for name in ("top/train/a/1.jpg", "top/train/b/2.jpg", "top/val/a/3.jpg", "top/list.csv", "__MACOSX/._x"):
                archive.writestr(name, f"path,label of {name}\n" * 3)
    for number, form in enumerate((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        with tarfile.open(folder("photo_tar") / f"{number}.tar", "w", format=form) as archive:
            for name in ("./a/1.jpg", "b/2.jpg", "7.jpg", "7.cls", "8.png", "8.json", "long/" * 30 + "9.jpg"):
                content = {"7.cls": b"ant", "8.json": b'{"label": 3}'}.get(name, name.encode() * 3)
                about = tarfile.TarInfo(name)
                about.size = len(content)
                archive.addfile(about, io.BytesIO(content))
    tables(folder("photo_parquet"))
    for number, text in enumerate(LISTS):
        (folder("lists") / f"{number}.csv").write_text(text)
    for number, start in enumerate(KEPT):
        (folder("cache") / str(number)).write_bytes(start + bytes(4096))
    for name, state in dicts():
        save(state, folder("torch_zip") / f"{name}.pth")
        save_legacy(state, folder("torch_pickle") / f"{name}.pth")


main()
