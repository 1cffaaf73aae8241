#!/usr/bin/env python3
"""Small HDF5 files, each with one thing that h5py can write, for the tests of the container.

Tensor k of a file (from 0, in the order of writing) holds 100 k, 100 k + 1, and so on. What a file is to show stands
in its function's first line; what is expected of it, in `crates/weights/tests/weights/hdf5/fixtures.rs`. A second run gives
the same bytes, except for the times of making that headers of version 2 have.

usage: hdf5_files.py [--out FOLDER]
needs: pip install h5py numpy ml_dtypes
"""

import argparse
import pathlib

import h5py
import ml_dtypes
import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates/weights/tests/golden/hdf5"
VARIABLE = h5py.string_dtype()
# As of Keras: a convolution, a depthwise one in the old way, a layer without weights.
NET = {
    "conv": {"conv/kernel:0": (3, 1, 2), "conv/bias:0": (2,)},
    "pool": {},
    "wise": {"wise/depthwise_kernel:0": (1, 2, 2, 1)},
}


class Numbers:
    """The arrays of a file."""

    def __init__(self):
        self.next = 0

    def __call__(self, shape, dtype="<f4"):
        first, self.next = 100 * self.next, self.next + 1
        return (first + np.arange(np.prod(shape, dtype=int))).reshape(shape).astype(dtype)


def legacy(group, text, net=NET, dtype="<f4"):
    """Layers with their lists, which hold texts of type `text`."""
    numbers = Numbers()
    group.attrs["layer_names"] = np.array([name.encode() for name in net], dtype=text)
    for layer, weights in net.items():
        at = group.create_group(layer)
        # Keras' own empty list is one of f64.
        names = np.array([name.encode() for name in weights], dtype=text if weights else "f8")
        at.attrs["weight_names"] = names
        for name, shape in weights.items():
            at.create_dataset(name, data=numbers(shape, dtype))


def fixed(path):
    """Texts of one length, as Keras 2 wrote them."""
    with h5py.File(path, "w") as file:
        legacy(file, "S24")


def model(path):
    """A whole model: texts in the global heap, weights one group down, an optimizer, a description."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "3.15.1"
        file.attrs["model_config"] = '{"class_name": "Functional"}'
        legacy(file.create_group("model_weights"), VARIABLE)
        file.create_dataset("optimizer_weights/adam/iteration", data=np.int64(1))


def split(path):
    """Lists that were too long for one attribute, and a list of the group that is no layer's."""
    with h5py.File(path, "w") as file:
        legacy(file, "S24")
        for group, name in [(file, "layer_names"), (file["conv"], "weight_names")]:
            texts = group.attrs[name]
            del group.attrs[name]
            for index, text in enumerate(texts):
                group.attrs[f"{name}{index}"] = np.array([text])
        top = file.create_group("top_level_model_weights")
        top.attrs["weight_names"] = np.array([b"scale"])
        top["scale"] = np.float32(300)


def big_endian(path):
    """f32 with the highest byte first."""
    with h5py.File(path, "w") as file:
        legacy(file, "S24", dtype=">f4")


def user_block(path):
    """512 bytes of something else before the superblock."""
    with h5py.File(path, "w", userblock_size=512) as file:
        legacy(file, VARIABLE)
    with open(path, "r+b") as file:
        file.write(b"not of HDF5")


def tracked(path):
    """Links and attributes in the order of making, which puts them into headers of version 2."""
    with h5py.File(path, "w", track_order=True) as file:
        legacy(file, VARIABLE)


def superblock_2(path):
    """Headers and links of HDF5 1.8."""
    with h5py.File(path, "w", libver=("v108", "v108")) as file:
        legacy(file, "S24")


def superblock_3(path):
    """Headers and links of the latest HDF5."""
    with h5py.File(path, "w", libver="latest") as file:
        legacy(file, VARIABLE)


def narrow(path):
    """Addresses and lengths of four bytes, and values in the header."""
    properties = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    properties.set_sizes(4, 4)
    file = h5py.File(h5py.h5f.create(bytes(path), fcpl=properties))
    with file:
        legacy(file, VARIABLE, {"conv": NET["conv"]})
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        file["conv"].create_dataset("inside", data=np.float32([100, 101]), dcpl=compact)
        file["conv"].attrs["weight_names"] = np.array(["conv/kernel:0", "inside"], dtype=VARIABLE)


def walked(path):
    """Keras 3's own: no lists, groups inside groups, layers' names on the groups of their variables."""
    numbers = Numbers()
    with h5py.File(path, "w") as file:
        for group, name, shapes in [
            ("layers/functional/layers/conv2d/vars", "Conv1", [(3, 1, 2), (2,)]),
            ("layers/dense/vars", "my head", [(2, 2), (2,)]),
            ("vars", "functional", []),
        ]:
            at = file.create_group(group)
            at.attrs["name"] = name
            for index, shape in enumerate(shapes):
                at[str(index)] = numbers(shape)
        file["optimizer/vars/0"] = np.int64(1)
        # More links than one node of a tree takes.
        for index in range(20):
            file[f"layers/many/{index}"] = numbers(())


def types(path):
    """Types that are not read, and shapes without elements."""
    numbers = Numbers()
    with h5py.File(path, "w") as file:
        for dtype in ["f2", "f8", "i8", "u1", "u4"]:
            file[dtype] = numbers((2,), dtype)
        file["text"] = np.array([b"a", b"b"])
        file["scalar"] = np.float32(600)
        file["empty"] = np.zeros((0, 3), np.float32)
        file["null"] = h5py.Empty("f4")


def floats(path):
    """Floats of other widths in both orders, and bfloat16 as Keras writes it: pairs of bytes, and an attribute."""
    values = np.array([0.5, -600.0, 1.0 + 2.0**-9, 2.0**-26, 65504.0])
    with h5py.File(path, "w") as file:
        for dtype in ["<f2", ">f2", "<f8", ">f8"]:
            file[dtype.replace("<", "little_").replace(">", "big_")] = values.astype(dtype)
        file.create_dataset("bfloat16", data=values.astype(ml_dtypes.bfloat16)).attrs["dtype"] = "bfloat16"
        file.create_dataset("opaque", data=values.astype(ml_dtypes.bfloat16))


def chunked(path):
    """Values in chunks, deflated."""
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=np.arange(64, dtype="f4"), chunks=(16,), compression="gzip")


def unwritten(path):
    """A dataset that nothing was written to."""
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (4,), "f4")


def soft_link(path):
    """A link to a path."""
    with h5py.File(path, "w") as file:
        file["a"] = np.float32(1)
        file["b"] = h5py.SoftLink("/a")


def dense_links(path):
    """More links than a header takes."""
    with h5py.File(path, "w", libver="latest") as file:
        for index in range(12):
            file[str(index)] = np.float32(index)


def dense_attributes(path):
    """More attributes than a header takes."""
    with h5py.File(path, "w", libver="latest") as file:
        for index in range(12):
            file.attrs[str(index)] = index


def virtual(path):
    """A dataset made of another."""
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(4, dtype="f4")
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource(".", "a", (4,))
        file.create_virtual_dataset("b", layout)


FILES = [fixed, model, split, big_endian, user_block, tracked, superblock_2, superblock_3, narrow, walked, types, floats]
REFUSED = [chunked, unwritten, soft_link, dense_links, dense_attributes, virtual]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for make in FILES + REFUSED:
        path = out / f"{make.__name__}.h5"
        make(path)
        print(f"{path.name}: {path.stat().st_size} bytes, h5py {h5py.__version__}")


if __name__ == "__main__":
    main()
