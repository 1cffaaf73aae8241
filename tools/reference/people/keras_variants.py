"""Rarer ways to build the same Keras models, and look-alikes that are other models. Not a script: the others import it."""

import numpy as np

from .keras_cases import case, dense
from .keras_heads import SMALL, applications, small
from .keras_parts import chain
from .keras_refused import head_refused, refused


# ---- before the base ----


@case("both", (".keras", ".h5"), photos=SMALL)
def normalization_adapted(m):
    """Mean and variance found by `adapt`, in weights of the layer."""
    layer = m.layers.Normalization()
    layer.adapt(np.random.default_rng(1).normal((120, 110, 90), (60, 55, 70), (64, 8, 8, 3)).astype(np.float32))
    return m.functional((96, 96, 3), layer, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL)
def normalization_of_all_axes(m):
    """One mean and one variance for all values."""
    layer = m.layers.Normalization(axis=None, mean=118.0, variance=4100.0)
    return m.functional((96, 96, 3), layer, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL)
def normalization_without_variance(m):
    """A variance of zero: Keras divides by 1e-7 at least."""
    layer = m.layers.Normalization(mean=[0.0, 1.0, 2.0], variance=[4000.0, 4100.0, 4200.0])
    before = lambda x: m.layers.Rescaling([1.0, 0.9, 1.1], offset=[-1.0, 0.0, 1.0])(layer(x))
    return m.functional((96, 96, 3), before, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL, expect="either", extract="either", named=("invert", "Normalization"))
def normalization_inverted(m):
    """`invert=True` multiplies by the deviation and adds the mean."""
    layer = m.layers.Normalization(mean=[-1.0, -0.9, -1.1], variance=[6e-5, 6.1e-5, 6.2e-5], invert=True)
    return m.functional((96, 96, 3), layer, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL)
def rescaling_lists(m):
    layer = m.layers.Rescaling([1 / 120, 1 / 127.5, 1 / 130], offset=[-1.0, -0.9, -1.1])
    return m.functional((96, 96, 3), layer, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL)
def fixed_batch(m):
    """An input that states how many photos a batch has."""
    inputs = m.k.Input((96, 96, 3), batch_size=1)
    return m.functional((96, 96, 3), m.preprocess, m.pooled(dense(m)), inputs=inputs)


@case("both", (".keras", ".h5"), photos=((112, 128),), expect="either", extract="either", named=("RandomCrop", "random_crop"))
def random_crop(m):
    """What it does in a prediction differs between versions."""
    before = lambda x: m.preprocess(m.layers.RandomCrop(96, 96)(x))
    return m.functional((112, 128, 3), before, m.pooled(dense(m)), base=m.base((96, 96, 3)))


@refused("tf_keras", ".h5", "training=True", "random_flip", "RandomFlip")
def augmented_in_predictions(m):
    """Called with training=True a layer of augmentation works in predictions, too."""
    before = lambda x: m.preprocess(m.layers.RandomFlip(name="random_flip")(x, training=True))
    return m.functional((96, 96, 3), before, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL)
def identities(m):
    """Layers of no effect before the base and behind it."""
    layers = [m.layers.Activation("linear"), m.layers.Dropout(0.0), m.layers.GaussianNoise(0.1)]
    behind = [m.layers.Activation("linear"), dense(m, 16, m.layers.ReLU()), m.layers.ActivityRegularization(0.1), dense(m)]
    return m.functional((96, 96, 3), lambda x: m.preprocess(chain(x, layers)), m.pooled(*behind))


@case("keras3", ".keras", photos=SMALL)
def functions_of_ops(m):
    """Keras' operations as functions: subtract, multiply, divide, add, negative."""
    o = m.k.ops
    before = lambda x: o.negative(o.add(o.multiply(o.subtract(x, 127.5), -1 / 64), o.divide(4.0, 8.0)))
    return m.functional((96, 96, 3), before, m.pooled(dense(m)))


@case("keras3", ".keras", photos=SMALL, expect="either", extract="either", named=("true_divide", "TrueDivide", "floor", "cast", "Cast"))
def cast_first(m):
    o = m.k.ops
    before = lambda x: o.true_divide(o.cast(x, "float32"), 127.5) - 1
    return m.functional((96, 96, 3), before, m.pooled(dense(m)), inputs=m.k.Input((96, 96, 3), dtype="uint8"))


@refused("keras3", ".keras", "FloorDivide", "floor_divide")
def floor_division(m):
    return m.functional((96, 96, 3), lambda x: (x // 2.0) / 64.0 - 1.0, m.pooled(dense(m)))


@refused("keras3", ".keras", "Add", "add", "several layers", "second")
def added_to_itself(m):
    return m.functional((96, 96, 3), lambda x: (x + x) / 255.0 - 1.0, m.pooled(dense(m)))


@refused("both", (".keras", ".h5"), "get_item", "GetItem", "getitem", "slice", "BiasAdd", "bias")
def of_another_net(m):
    """preprocess_input of ResNet50: blue first, means subtracted."""
    before = m.k.applications.resnet50.preprocess_input
    return m.functional((96, 96, 3), lambda x: before(x) / 64.0, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL)
def of_resnet_v2(m):
    """preprocess_input of another net with the same rule."""
    before = m.k.applications.resnet_v2.preprocess_input
    return m.functional((96, 96, 3), before, m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL, expect="either", extract="either", named=("densenet", "true_divide", "truediv", "preprocess"))
def of_densenet(m):
    """preprocess_input in the mode `torch`: mean and deviation of three colors."""
    before = m.k.applications.densenet.preprocess_input
    return m.functional((96, 96, 3), before, m.pooled(dense(m)))


# ---- the base ----


def cut(m, name, head, after="out_relu"):
    base = m.base((96, 96, 3))
    m.backbone = m.k.Model(base.input, base.get_layer(after).output)
    return m.k.Model(base.input, head(base.get_layer(name).output))


@refused("both", (".keras", ".h5"), "block_13_expand_relu", "block_13_depthwise", "out_relu", "Conv_1")
def cut_short(m):
    """The base ends in the middle, as object detectors and old recipes have it."""
    return cut(m, "block_13_expand_relu", m.pooled(dense(m)), "block_13_expand_relu")


@refused("both", (".keras", ".h5"), "out_relu", "Conv_1_bn", "relu", extract="either")
def without_last_relu(m):
    """All of the base but its last ReLU6."""
    return cut(m, "Conv_1_bn", m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL, outside=True)
def top_replaced(m):
    """Built with the top of ImageNet; a new dense layer reads the pooling layer."""
    model = m.k.applications.MobileNetV2(input_shape=(96, 96, 3), alpha=0.35, weights=None, classes=7)
    trunk = m.k.Model(model.input, model.get_layer("out_relu").output)
    m.load(trunk)
    m.backbone = trunk
    return m.k.Model(model.input, dense(m, name="new_top")(model.layers[-2].output))


@head_refused("both", (".keras", ".h5"), "softmax", "predictions", outside=True)
def on_top_of_imagenet(m):
    """A dense layer that reads the probabilities of the top."""
    model = applications(m, 7)
    return m.k.Model(model.input, dense(m, name="dense_on_top")(model.output))


@case("both", (".keras", ".h5"), photos=SMALL, expect="either", extract="either", named=("trainable", "float16", "mixed"), tolerance=4e-3)
def mixed_precision(m):
    """Computed in halves by Keras, stored in f32: here by the f32 of the file, within what halves round."""
    policy = (m.k.config.set_dtype_policy if m.three else m.k.mixed_precision.set_global_policy)
    plain = small(m, m.pooled(dense(m)))
    backbone = m.backbone

    def after():
        policy("mixed_float16")
        try:
            model = small(m, m.pooled(m.layers.Dense(3), m.layers.Activation("softmax", dtype="float32")))
        finally:
            policy("float32")
        model.set_weights(plain.get_weights())
        m.backbone = backbone
        return model

    m.after = after
    return plain


# ---- heads ----


@case("both", (".keras", ".h5"), photos=((32, 32),), expect="either", named=("flatten", "Flatten"))
def flatten_of_one_pixel(m):
    """At 32x32 the map is one pixel, and flattening it is its mean."""
    layers = [m.layers.Flatten(), dense(m)]
    return m.functional((32, 32, 3), m.preprocess, lambda x: chain(x, layers))


@head_refused("both", (".keras", ".h5"), "AveragePooling2D", "average_pooling2d")
def average_of_a_corner(m):
    """A window of 2x2 on a map of 3x3 leaves one pixel: not the mean of all."""
    layers = [m.layers.AveragePooling2D(2), m.layers.Flatten(), dense(m)]
    return small(m, lambda x: chain(x, layers))


@case("both", (".keras", ".h5"), photos=SMALL, expect="either", named=("AveragePooling2D", "average_pooling2d"))
def average_with_same_padding(m):
    layers = [m.layers.AveragePooling2D(3, padding="same"), m.layers.Flatten(), dense(m)]
    return small(m, lambda x: chain(x, layers))


@head_refused("both", (".keras", ".h5"), "MaxPooling2D", "max_pooling2d")
def max_pooling_of_window(m):
    layers = [m.layers.MaxPooling2D(3), m.layers.Flatten(), dense(m)]
    return small(m, lambda x: chain(x, layers))


@case("keras3", ".keras", photos=SMALL, expect="either", named=("Mean", "mean"))
def mean_by_function(m):
    return small(m, lambda x: dense(m)(m.k.ops.mean(x, axis=(1, 2))))


@case("tf_keras", ".h5", photos=SMALL, expect="either", named=("reduce_mean", "mean"))
def mean_by_tensorflow(m):
    import tensorflow

    return small(m, lambda x: dense(m)(tensorflow.reduce_mean(x, [1, 2])))


@head_refused("keras3", ".keras", "Mean", "mean")
def mean_of_one_axis(m):
    layers = [m.layers.GlobalAveragePooling1D(), dense(m)]
    return small(m, lambda x: chain(m.k.ops.mean(x, axis=1), layers))


@head_refused("tf_keras", ".h5", "training=True", "dropout", "Dropout", "mc_dropout", extract="open")
def dropout_in_predictions(m):
    """Monte Carlo dropout: called with training=True."""
    drop = m.layers.Dropout(0.5, name="mc_dropout")
    return small(m, m.pooled(lambda x: drop(x, training=True), dense(m)))


@case("keras3", ".keras", photos=SMALL)
def lora(m):
    """A dense layer with LoRA: the file holds the sum."""
    layer = dense(m, 3)
    model = small(m, m.pooled(layer))

    def after():
        layer.enable_lora(4)
        layer.lora_kernel_a.assign(np.random.default_rng(1).normal(0, 0.05, layer.lora_kernel_a.shape))
        layer.lora_kernel_b.assign(np.random.default_rng(2).normal(0, 0.5, layer.lora_kernel_b.shape))
        return model

    m.after = after
    return model


@case("keras3", ".keras", photos=SMALL, expect="either", extract="either", tolerance=0.02, named=("int8", "quant"))
def quantized_dense(m):
    """Quantized by Keras: the kernel is i8 with a scale for each output."""
    model = small(m, m.pooled(dense(m)))

    def after():
        model.quantize("int8")
        return model

    m.after = after
    return model


@case("both", (".keras", ".h5"), photos=SMALL, expect="either", named=("spectral", "Spectral", "wrapper"))
def spectral(m):
    layer = m.layers.SpectralNormalization(dense(m), name="spectral")
    return small(m, m.pooled(layer))


@head_refused("both", (".keras", ".h5"), "TimeDistributed", "time_distributed", "Reshape", "reshape")
def time_distributed(m):
    layers = [m.layers.Reshape((2, 640)), m.layers.TimeDistributed(m.layers.Dense(8)), m.layers.Flatten(), dense(m)]
    return small(m, m.pooled(*layers))


@case("both", (".keras", ".h5"), photos=SMALL, expect="either", named=("softmax", "Softmax", "activation"))
def softmax_twice(m):
    """A softmax of probabilities."""
    return small(m, m.pooled(dense(m), m.layers.Softmax(name="second_softmax")))


@head_refused("both", (".keras", ".h5"), "Average", "average", "several layers")
def ensemble_of_two(m):
    def head(x):
        x = m.layers.GlobalAveragePooling2D()(x)
        return m.layers.Average()([dense(m)(x), dense(m)(x)])

    return small(m, head)


@case("both", (".keras", ".h5"), photos=SMALL)
def dense_shared_by_two_models(m):
    """The saved model is one of two that share a head; the head is called twice in memory."""
    head = dense(m, name="shared")
    model = small(m, m.pooled(head))
    other = m.k.Input((1280,))
    m.k.Model(other, head(other))
    return model


@case("both", (".keras", ".h5"), photos=SMALL, expect="either", named=("shared",))
def dense_called_twice(m):
    """One layer at two places."""
    layer = m.layers.Dense(1280, activation="relu", name="shared")
    return small(m, m.pooled(layer, layer, dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL, classes=4)
def many_batchnorms(m):
    """BatchNorm upon BatchNorm, dense layers without bias, an activation apart."""
    n = m.layers.BatchNormalization
    layers = [n(), n(momentum=0.9), dense(m, 24, None, use_bias=False), n(epsilon=1e-5), m.layers.ReLU(6.0), n(), dense(m, 4)]
    return small(m, m.pooled(*layers))


@head_refused("both", (".keras", ".h5"), "BatchNormalization", "axis", "batch_normalization")
def batchnorm_of_rows(m):
    """Along the rows of the map, not its channels."""
    layers = [m.layers.BatchNormalization(axis=1), m.layers.GlobalAveragePooling2D(), dense(m)]
    return small(m, lambda x: chain(x, layers))


@refused("both", (".keras", ".h5"), "mask", "Masking")
def masking(m):
    """Pixels of one color become zeros."""
    layer = m.layers.Masking(mask_value=-1.0)
    return m.functional((96, 96, 3), lambda x: layer(m.preprocess(x)), m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL, expect="either", extract="either", named=("Reshape", "reshape"))
def reshaped_input(m):
    """Photos come flat."""
    before = lambda x: m.preprocess(m.layers.Reshape((96, 96, 3))(x))
    return m.functional((96, 96, 3), before, m.pooled(dense(m)))


@head_refused("both", (".keras", ".h5"), "Permute", "permute")
def turned_around(m):
    layers = [m.layers.Permute((3, 1, 2)), m.layers.Flatten(), dense(m)]
    return small(m, lambda x: chain(x, layers))


@refused("both", (".keras", ".h5"), "Permute", "permute", "Reshape", extract="refuse")
def rows_and_columns_swapped(m):
    before = lambda x: m.preprocess(m.layers.Permute((2, 1, 3))(x))
    return m.functional((96, 96, 3), before, m.pooled(dense(m)))


@head_refused("both", (".keras", ".h5"), "max_norm", "Rescaling", "normalize", "l2", "Lambda", "UnitNorm", "LayerNorm")
def features_normalized(m):
    """Features of length one, by a Lambda."""
    ops = m.k.ops if m.three else __import__("tensorflow").math
    layer = m.layers.Lambda(lambda x: x / 3.0, name="normalize", output_shape=(1280,))
    return small(m, m.pooled(layer, dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL)
def subclass_of_nothing(m):
    """A Sequential of Sequentials of Sequentials, augmentation at the front, the head in one of them."""
    s = m.k.Sequential
    front = s([s([m.layers.RandomFlip("horizontal")]), m.layers.RandomZoom(0.1)], name="front")
    base = m.base((96, 96, 3))
    tail = s([m.layers.GlobalAveragePooling2D(), s([m.layers.Dropout(0.1), dense(m, 12, "relu")]), dense(m)], name="tail")
    return m.sequential(m.k.Input((96, 96, 3)), front, m.layers.Rescaling(1 / 127.5, offset=-1), base, tail)


@case("both", (".keras", ".h5"), photos=SMALL)
def model_in_model(m):
    """A whole classifier, logits inside, in another model that puts a softmax behind."""
    inner = small(m, m.pooled(m.layers.Dense(3)))
    inputs = m.k.Input((96, 96, 3))
    return m.k.Model(inputs, m.layers.Softmax()(inner(inputs)))
