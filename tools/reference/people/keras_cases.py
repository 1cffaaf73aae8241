"""Keras models as people make them: what stands before the base, the heads, and what must be refused.

A case is a function of a `Maker` that returns a model. Not a script: the others import it. needs: keras, tf_keras, numpy
"""

import dataclasses
from typing import Callable

import numpy as np

from .keras_parts import chain

CASES = []


@dataclasses.dataclass
class Case:
    """A model and what must become of it."""

    name: str
    build: Callable
    library: str
    container: str
    classes: int = 3
    # Sizes of the photos; as the model states where it does.
    photos: tuple = ((160, 160),)
    output: str = "softmax"
    expect: str = "open"
    extract: str = "open"
    # Any of these words must stand in a refusal.
    named: tuple = ()
    options: tuple = ()
    tolerance: float = 1e-5
    # Nothing in the file scales pixels: they are scaled to -1..1 before it, as the published weights have it.
    outside: bool = False


def case(library, container, **about):
    """Registers a model by its function's name; `both` makes one by Keras 3 and one by tf_keras."""

    def register(build):
        pairs = zip(("keras3", "tf_keras"), container) if library == "both" else [(library, container)]
        for each, kind in pairs:
            CASES.append(Case(f"{each}_{build.__name__}", build, each, kind, **about))
        return build

    return register


def dense(m, units=3, activation="softmax", **more):
    return m.layers.Dense(units, activation=activation, **more)


# ---- what stands before the base ----


@case("both", (".keras", ".h5"))
def tutorial(m):
    """Augmentation, preprocess_input, base, pooling, dropout, dense, as in the tutorial on transfer learning."""
    augment = m.k.Sequential([m.layers.RandomFlip("horizontal"), m.layers.RandomRotation(0.2)])
    before = lambda x: m.preprocess(augment(x))
    return m.functional((160, 160, 3), before, m.pooled(m.layers.Dropout(0.2), dense(m)))


@case("both", (".h5", ".keras"), photos=((128, 128),))
def preprocess_other_container(m):
    return m.functional((128, 128, 3), m.preprocess, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((224, 224),))
def rescale_255(m):
    """Rescaling(1/255): wrong for the published weights, and what the file says."""
    base = m.base((224, 224, 3))
    return m.sequential(m.k.Input((224, 224, 3)), m.layers.Rescaling(1 / 255), base,
                        m.layers.GlobalAveragePooling2D(), dense(m))


@case("both", (".h5", ".keras"), photos=((96, 96),))
def rescale_usual(m):
    base = m.base((96, 96, 3))
    return m.sequential(m.k.Input((96, 96, 3)), m.layers.Rescaling(1 / 127.5, offset=-1), base,
                        m.layers.GlobalAveragePooling2D(), dense(m))


@case("keras3", ".keras", photos=((96, 96),))
def rescale_odd(m):
    return m.functional((96, 96, 3), m.layers.Rescaling(1 / 64, offset=-2.25), m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((96, 96),))
def rescale_per_channel(m):
    scale = [1 / 127.5, 1 / 100, 1 / 64]
    return m.functional((96, 96, 3), m.layers.Rescaling(scale, offset=[-1.0, -0.5, 0.25]), m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((96, 96),))
def normalization_adapted(m):
    """Normalization with the mean and variance of photos, kept as weights."""
    layer = m.layers.Normalization(axis=-1)
    layer.adapt(np.random.default_rng(5).normal((120, 110, 90), (60, 50, 70), (40, 8, 8, 3)).astype(np.float32))
    return m.functional((96, 96, 3), layer, m.pooled(dense(m)))


@case("both", (".h5", ".keras"), photos=((96, 96),))
def normalization_given(m):
    """Normalization with mean and variance in its description."""
    layer = m.layers.Normalization(axis=-1, mean=[123.7, 116.3, 103.5], variance=[3411.0, 3262.0, 3291.0])
    return m.functional((96, 96, 3), layer, m.pooled(dense(m)))


@case("keras3", ".keras", photos=((96, 96),))
def normalization_one_number(m):
    layer = m.layers.Normalization(axis=None, mean=127.0, variance=5000.0)
    return m.functional((96, 96, 3), layer, m.pooled(dense(m)))


@case("both", (".keras", ".keras"), photos=((128, 128),))
def rescale_then_normalize(m):
    """The scaling of torchvision in two layers."""
    layers = [m.layers.Rescaling(1 / 255),
              m.layers.Normalization(mean=[0.485, 0.456, 0.406], variance=[0.229**2, 0.224**2, 0.225**2])]
    return m.functional((128, 128, 3), lambda x: chain(x, layers), m.pooled(dense(m)))


@case("keras3", ".keras", photos=((96, 96),))
def rescale_twice(m):
    """Rescaling(1/255) and then preprocess_input: a common mistake, and what the file says."""
    before = lambda x: m.preprocess(m.layers.Rescaling(1 / 255)(x))
    return m.functional((96, 96, 3), before, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((96, 96),))
def divide(m):
    return m.functional((96, 96, 3), lambda x: x / 255.0, m.pooled(dense(m)))


@case("both", (".h5", ".keras"), photos=((96, 96),))
def subtract_divide(m):
    return m.functional((96, 96, 3), lambda x: (x - 127.5) / 127.5, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((96, 96),))
def multiply_add(m):
    return m.functional((96, 96, 3), lambda x: x * (1 / 100) + (-0.75), m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((96, 96),))
def number_first(m):
    """The number stands left of the tensor: 1 - x / 127.5 turns the pixels around."""
    return m.functional((96, 96, 3), lambda x: 1.0 - x / 127.5, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((96, 96),))
def numbers_first(m):
    return m.functional((96, 96, 3), lambda x: 2.0 * (x / 255.0) - 1.0, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((96, 96),))
def subtract_means(m):
    """An array of three numbers in the arithmetic."""
    means = np.array([123.68, 116.78, 103.94], np.float32)
    return m.functional((96, 96, 3), lambda x: (x - means) / 58.0, m.pooled(dense(m)))


@case("keras3", ".keras", photos=((96, 96),))
def negated(m):
    return m.functional((96, 96, 3), lambda x: -(x / 127.5 - 1.0), m.pooled(dense(m)), )


@case("both", (".keras", ".h5"), photos=((213, 300), (320, 240)))
def resizing_squash(m):
    before = lambda x: m.preprocess(m.layers.Resizing(160, 160)(x))
    return m.functional((None, None, 3), before, m.pooled(dense(m)), base=m.base((160, 160, 3)))


@case("both", (".keras", ".h5"), photos=((213, 300), (320, 240), (161, 160)))
def resizing_crop(m):
    layers = [m.layers.Resizing(160, 160, crop_to_aspect_ratio=True), m.layers.Rescaling(1 / 127.5, offset=-1)]
    return m.functional((None, None, 3), lambda x: chain(x, layers), m.pooled(dense(m)), base=m.base((160, 160, 3)))


@case("both", (".keras", ".h5"), photos=((213, 300), (320, 240)))
def resizing_crop_wide(m):
    """A crop to another shape than a square."""
    layers = [m.layers.Resizing(96, 160, crop_to_aspect_ratio=True), m.layers.Rescaling(1 / 127.5, offset=-1)]
    return m.functional((None, None, 3), lambda x: chain(x, layers), m.pooled(dense(m)), base=m.base((96, 160, 3)))


@case("keras3", ".keras", photos=((213, 300), (320, 240)), expect="either", extract="either", named=("pad", "Resizing", "resizing"))
def resizing_pad(m):
    before = lambda x: m.preprocess(m.layers.Resizing(160, 160, pad_to_aspect_ratio=True)(x))
    return m.functional((None, None, 3), before, m.pooled(dense(m)), base=m.base((160, 160, 3)))


@case("both", (".keras", ".h5"), photos=((213, 300),), expect="either", extract="either", named=("nearest", "bicubic", "Resizing", "resizing"))
def resizing_bicubic(m):
    before = lambda x: m.preprocess(m.layers.Resizing(160, 160, interpolation="bicubic")(x))
    return m.functional((None, None, 3), before, m.pooled(dense(m)), base=m.base((160, 160, 3)))


@case("both", (".h5", ".keras"), photos=((180, 240),))
def resizing_of_stated(m):
    """The input states a size, and a layer resizes it to another."""
    before = lambda x: m.preprocess(m.layers.Resizing(128, 128)(x))
    return m.functional((180, 240, 3), before, m.pooled(dense(m)), base=m.base((128, 128, 3)))


@case("both", (".keras", ".h5"), photos=((256, 256),))
def center_crop(m):
    before = lambda x: m.preprocess(m.layers.CenterCrop(224, 224)(x))
    return m.functional((256, 256, 3), before, m.pooled(dense(m)), base=m.base((224, 224, 3)))


@case("both", (".keras", ".h5"), photos=((213, 300), (320, 240)))
def resize_then_crop(m):
    layers = [m.layers.Resizing(182, 182, crop_to_aspect_ratio=True), m.layers.CenterCrop(160, 160)]
    return m.functional((None, None, 3), lambda x: m.preprocess(chain(x, layers)), m.pooled(dense(m)),
                        base=m.base((160, 160, 3)))


@case("keras3", ".keras", photos=((213, 300), (320, 240), (100, 200)), expect="either", extract="either", named=("CenterCrop", "center_crop"))
def crop_of_any_size(m):
    """A crop of photos of any size; smaller ones are enlarged first."""
    before = lambda x: m.preprocess(m.layers.CenterCrop(160, 160)(x))
    return m.functional((None, None, 3), before, m.pooled(dense(m)), base=m.base((160, 160, 3)))


@case("both", (".keras", ".h5"), photos=((96, 96),))
def augmented(m):
    """Many augmentation layers; none does anything in a prediction."""
    layers = [m.layers.RandomFlip(), m.layers.RandomZoom(0.2), m.layers.RandomContrast(0.2),
              m.layers.RandomTranslation(0.1, 0.1), m.layers.RandomBrightness(0.2), m.layers.GaussianNoise(0.1)]
    augment = m.k.Sequential(layers, name="data_augmentation")
    base = m.base((96, 96, 3))
    return m.sequential(m.k.Input((96, 96, 3)), augment, m.layers.Rescaling(1 / 127.5, offset=-1), base,
                        m.layers.GlobalAveragePooling2D(), m.layers.Dropout(0.3), dense(m))


@case("both", (".h5", ".keras"), photos=((128, 192),), outside=True)
def unrolled_not_square(m):
    """The base's layers among the model's own; no scaling in the file, so pixels are as the layout has them."""
    return m.unrolled((128, 192, 3), m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((192, 96),))
def not_square(m):
    return m.functional((192, 96, 3), m.preprocess, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((224, 224),))
def no_size(m):
    """No size stated: 224 is taken and said."""
    return m.functional((None, None, 3), m.preprocess, m.pooled(dense(m)))


@case("both", (".h5", ".keras"), photos=((100, 100),), options=("--size", "100"))
def no_size_given_100(m):
    """No size stated, another is given by option; odd sizes inside the net are padded as without a size."""
    return m.functional((None, None, 3), m.preprocess, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((100, 132),))
def base_without_size(m):
    """The model states its size, the base was built without: it pads odd sizes otherwise than one that was built with it."""
    return m.functional((100, 132, 3), m.preprocess, m.pooled(dense(m)), base=m.base((None, None, 3)))


@case("both", (".keras", ".h5"), photos=((100, 132),))
def base_with_odd_size(m):
    return m.functional((100, 132, 3), m.preprocess, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((96, 96),))
def byte_input(m):
    """An input of u8."""
    layer = m.layers.Rescaling(1 / 127.5, offset=-1)
    return m.functional((96, 96, 3), layer, m.pooled(dense(m)), inputs=m.k.Input((96, 96, 3), dtype="uint8"))


# ---- how models are nested ----


@case("both", (".keras", ".h5"), photos=((96, 96),))
def nested_thrice(m):
    """A Sequential in a Functional in a Sequential."""
    base = m.base((96, 96, 3))
    trunk = m.k.Sequential([m.k.Input((96, 96, 3)), base, m.layers.GlobalAveragePooling2D()], name="trunk")
    inputs = m.k.Input((96, 96, 3))
    inner = m.k.Model(inputs, m.layers.Dropout(0.1)(trunk(m.layers.Rescaling(1 / 127.5, offset=-1)(inputs))), name="inner")
    head = m.k.Sequential([m.k.Input((1280,)), dense(m, 16, "relu"), dense(m)], name="top")
    model = m.k.Sequential([m.k.Input((96, 96, 3)), inner, head])
    m.backbone = lambda x, training: base(x / np.float32(127.5) - np.float32(1), training=training)
    return model


@case("both", (".h5", ".keras"), photos=((96, 96),), outside=True)
def base_first(m):
    """A Sequential that begins with the base, no scaling in it; the base has a name of the user's own."""
    base = m.base((96, 96, 3), name="backbone") if m.three else m.base((96, 96, 3))
    return m.sequential(base, m.layers.GlobalAveragePooling2D(), dense(m))


@case("keras3", ".keras", photos=((96, 96),))
def compiled_and_trained(m):
    """An optimizer with moving averages of its own in the file: the weights are the model's."""
    model = m.functional((96, 96, 3), m.preprocess, m.pooled(dense(m)))
    model.compile(m.k.optimizers.Adam(use_ema=True), "sparse_categorical_crossentropy")
    model.fit(np.zeros((2, 96, 96, 3), np.float32), np.array([0, 1]), verbose=0)
    return model


@case("tf_keras", ".h5", photos=((96, 96),))
def compiled_with_h5(m):
    model = m.functional((96, 96, 3), m.preprocess, m.pooled(dense(m)))
    model.compile("rmsprop", "sparse_categorical_crossentropy")
    model.fit(np.zeros((2, 96, 96, 3), np.float32), np.array([0, 1]), verbose=0)
    return model
