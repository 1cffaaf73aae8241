"""Keras models that cannot be computed on: each names what stands in the way. Not a script: the others import it."""

import numpy as np

from .keras_cases import case, dense
from .keras_heads import SMALL, small
from .keras_parts import chain


def refused(library, container, *named, **more):
    """Neither a model nor features come of it."""
    about = {"photos": SMALL, "expect": "refuse", "extract": "refuse"} | more
    return case(library, container, named=named, **about)


def head_refused(library, container, *named, **more):
    """No model comes of it, but the backbone's features do."""
    return case(library, container, named=named, **({"photos": SMALL, "expect": "refuse"} | more))


@refused("both", (".keras", ".h5"), "Lambda", "scaler")
def lambda_before(m):
    layer = m.layers.Lambda(lambda x: x / 200.0 - 0.6, name="scaler")
    return m.functional((96, 96, 3), layer, m.pooled(dense(m)))


@head_refused("both", (".keras", ".h5"), "Lambda", "squarer")
def lambda_in_head(m):
    layer = m.layers.Lambda(lambda x: x * x, output_shape=(1280,), name="squarer")
    return small(m, m.pooled(layer, dense(m)))


@head_refused("both", (".keras", ".h5"), "GlobalMaxPooling2D", "global_max_pooling2d")
def max_pooling(m):
    return small(m, lambda x: dense(m)(m.layers.GlobalMaxPooling2D()(x)))


@head_refused("both", (".h5", ".keras"), "pooling", "max")
def max_pooling_inside(m):
    base = m.base((96, 96, 3), pooling="max")
    model = small(m, lambda x: dense(m)(x), base=base)
    maps = m.k.Model(base.input, base.get_layer("out_relu").output)
    m.backbone = lambda x, training: maps(x / np.float32(127.5) - np.float32(1), training=training)
    return model


@head_refused("both", (".keras", ".h5"), "Concatenate", "concatenate", "GlobalMaxPooling2D", "global_max")
def two_branches(m):
    layers = m.layers
    join = lambda x: layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    return small(m, lambda x: dense(m)(join(x)))


@head_refused("both", (".keras", ".h5"), "Flatten", "flatten")
def flatten_of_map(m):
    return small(m, lambda x: dense(m)(m.layers.Flatten()(x)))


@head_refused("both", (".keras", ".h5"), "gelu")
def gelu(m):
    return small(m, m.pooled(dense(m, 32, "gelu"), dense(m)))


@head_refused("keras3", ".keras", "elu", "LeakyReLU", "leaky")
def leaky(m):
    return small(m, m.pooled(m.layers.Dense(32), m.layers.LeakyReLU(), dense(m)))


@head_refused("tf_keras", ".h5", "PReLU", "p_re_lu")
def prelu(m):
    return small(m, m.pooled(m.layers.Dense(32), m.layers.PReLU(), dense(m)))


@head_refused("keras3", ".keras", "softmax", "sigmoid", "hidden_softmax", "probabilities")
def softmax_hidden(m):
    return small(m, m.pooled(m.layers.Dense(8, activation="softmax", name="hidden_softmax"), dense(m)))


@head_refused("both", (".keras", ".h5"), "LayerNormalization", "layer_normalization")
def layer_norm(m):
    return small(m, m.pooled(m.layers.LayerNormalization(), dense(m)))


@head_refused("both", (".keras", ".h5"), "Conv2D", "conv2d", "extra_conv")
def extra_convolution(m):
    layers = [m.layers.Conv2D(64, 3, activation="relu", name="extra_conv"), m.layers.GlobalAveragePooling2D(), dense(m)]
    return small(m, lambda x: chain(x, layers))


@head_refused("keras3", ".keras", "Add", "add")
def residual_head(m):
    def head(x):
        x = m.layers.Dense(32, activation="relu")(m.layers.GlobalAveragePooling2D()(x))
        return dense(m)(m.layers.Add()([x, m.layers.Dense(32, activation="relu")(x)]))

    return small(m, head)


@head_refused("keras3", ".keras", "Multiply", "multiply", "Sigmoid", "sigmoid")
def gate(m):
    """Squeeze and excitation on the pooled features."""

    def head(x):
        x = m.layers.GlobalAveragePooling2D()(x)
        return dense(m)(m.layers.Multiply()([x, m.layers.Dense(1280, activation="sigmoid")(x)]))

    return small(m, head)


@head_refused("both", (".keras", ".h5"), "output", "outputs", "dense")
def two_outputs(m):
    inputs = m.k.Input((96, 96, 3))
    x = m.base((96, 96, 3))(m.preprocess(inputs), training=False)
    m.backbone = m.k.Model(inputs, x)
    x = m.layers.GlobalAveragePooling2D()(x)
    return m.k.Model(inputs, [dense(m)(x), dense(m, 2)(x)])


@refused("both", (".keras", ".h5"), "input", "inputs", "Concatenate", "concatenate", "facts", extract="either")
def two_inputs(m):
    inputs, facts = m.k.Input((96, 96, 3)), m.k.Input((4,), name="facts")
    x = m.base((96, 96, 3))(m.preprocess(inputs), training=False)
    m.backbone = m.k.Model(inputs, x)
    x = m.layers.Concatenate()([m.layers.GlobalAveragePooling2D()(x), facts])
    return m.k.Model([inputs, facts], dense(m)(x))


@refused("keras3", ".keras", "first_conv", "Conv2D")
def convolution_before(m):
    layer = m.layers.Conv2D(3, 3, padding="same", name="first_conv")
    return m.functional((96, 96, 3), layer, m.pooled(dense(m)))


@refused("both", (".keras", ".h5"), "gray", "Concatenate", "concatenate", "channel")
def gray_thrice(m):
    inputs = m.k.Input((96, 96, 1), name="gray")
    x = m.layers.Concatenate()([inputs, inputs, inputs])
    return m.k.Model(inputs, m.pooled(dense(m))(m.base((96, 96, 3))(x / 127.5 - 1, training=False)))


@refused("both", (".keras", ".h5"), "GetItem", "get_item", "getitem", "SlicingOpLambda", "strided_slice", "slice")
def channels_reversed(m):
    """BGR, as other nets' preprocess_input has it."""
    return m.functional((96, 96, 3), lambda x: m.preprocess(x[..., ::-1]), m.pooled(dense(m)))


@refused("keras3", ".keras", "Clip", "clip", "Abs", "absolute", "abs")
def absolute(m):
    return m.functional((96, 96, 3), lambda x: m.k.ops.abs(x / 127.5 - 1), m.pooled(dense(m)))


@refused("tf_keras", ".h5", "clip", "tf.clip_by_value")
def clipped(m):
    import tensorflow

    before = lambda x: tensorflow.clip_by_value(x / 127.5 - 1, -0.5, 0.5)
    return m.functional((96, 96, 3), before, m.pooled(dense(m)))


@refused("tf_keras", ".h5", "resize", "tf.image.resize", expect="either", extract="either", photos=((213, 300),))
def resize_function(m):
    import tensorflow

    before = lambda x: m.preprocess(tensorflow.image.resize(x, (160, 160)))
    return m.functional((None, None, 3), before, m.pooled(dense(m)), base=m.base((160, 160, 3)))


@refused("keras3", ".keras", "standardization", "per_image", "Std", "std", "Mean", "mean", "several layers")
def standardized(m):
    """Each photo by its own mean: no fixed numbers."""
    before = lambda x: x / 64.0 - m.k.ops.mean(x / 64.0, axis=(1, 2, 3), keepdims=True)
    return m.functional((96, 96, 3), before, m.pooled(dense(m)))


@refused("both", (".keras", ".h5"), "normalize_input", "BatchNormalization", expect="either", extract="either")
def batchnorm_before(m):
    layer = m.layers.BatchNormalization(name="normalize_input")
    model = m.functional((96, 96, 3), layer, m.pooled(dense(m)))
    layer.set_weights([np.array(v, np.float32) for v in
                       ([1.1, 0.9, 1.2], [0.1, 0, -0.1], [120, 110, 100], [4000, 3500, 3000])])
    return model


@refused("both", (".keras", ".h5"), "channels_first", "data_format")
def channels_first(m):
    m.k.backend.set_image_data_format("channels_first")
    try:
        return m.functional((3, 96, 96), lambda x: x / 127.5 - 1, m.pooled(dense(m)), base=m.base((3, 96, 96)))
    finally:
        m.k.backend.set_image_data_format("channels_last")


def changed(m, swap):
    """The base with other layers where `swap` gives some."""
    base = m.k.models.clone_model(m.base((96, 96, 3)), clone_function=lambda layer: swap(layer) or type(layer).from_config(layer.get_config()))
    m.load(base)
    return base


def swapped_in(m, swap):
    return small(m, m.pooled(dense(m)), base=changed(m, swap))


@refused("both", (".keras", ".h5"), "ReLU", "relu")
def relu_without_limit(m):
    return swapped_in(m, lambda layer: m.layers.ReLU(name=layer.name) if layer.name == "block_5_expand_relu" else None)


@refused("keras3", ".keras", "ReLU", "relu", "LeakyReLU")
def leaky_in_base(m):
    return swapped_in(m, lambda layer: m.layers.LeakyReLU(name=layer.name) if layer.name == "out_relu" else None)


@refused("both", (".h5", ".keras"), "ReLU", "relu", "threshold")
def relu_with_slope(m):
    return swapped_in(m, lambda layer: m.layers.ReLU(6.0, negative_slope=0.1, name=layer.name) if layer.name == "Conv1_relu" else None)


def with_config(layer, **change):
    return type(layer).from_config(layer.get_config() | change)


@refused("both", (".keras", ".h5"), "epsilon", expect="either", extract="either")
def other_epsilon(m):
    """An epsilon of PyTorch in every BatchNorm, by way of a changed description."""
    return swapped_in(m, lambda layer: with_config(layer, epsilon=1e-5) if type(layer).__name__ == "BatchNormalization" else None)


@refused("keras3", ".keras", "epsilon", "block_3_project_BN", expect="either", extract="either")
def one_epsilon(m):
    return swapped_in(m, lambda layer: with_config(layer, epsilon=0.1) if layer.name == "block_3_project_BN" else None)


@refused("both", (".keras", ".h5"), "block_3_pad", "padding", "ZeroPadding2D", "pads", expect="either", extract="either")
def other_padding(m):
    return swapped_in(m, lambda layer: with_config(layer, padding=((1, 0), (1, 0))) if layer.name == "block_3_pad" else None)


@refused("keras3", ".keras", "dilation", "block_14_depthwise", "strides")
def dilated(m):
    """A base changed for segmentation: the stride of block 13 is gone."""
    def swap(layer):
        if layer.name == "block_14_depthwise":
            return with_config(layer, dilation_rate=(2, 2))
        return None
    return swapped_in(m, swap)


@refused("both", (".keras", ".h5"), "block_13", "MobileNetV2", "out_relu", "Conv_1")
def cut_base(m):
    """Features from the middle of the net."""
    base = m.base((96, 96, 3))
    middle = m.k.Model(base.input, base.get_layer("block_12_add").output)
    return m.functional((96, 96, 3), m.preprocess, m.pooled(dense(m)), base=middle)


def in_training_mode(m):
    """The base called with training=True, which a saved model keeps."""
    base = m.base((96, 96, 3))
    base.trainable = True
    return small(m, m.pooled(dense(m)), base=base, training=True)


@refused("tf_keras", ".h5", "training")
def training_mode(m):
    """The base called with training=True: tf_keras takes the statistics of the batch, also in a prediction."""
    return in_training_mode(m)


@refused("keras3", ".keras", "training", expect="either", extract="either")
def training_mode_overridden(m):
    """The same in Keras 3, where a prediction says training=False to every layer, and that wins."""
    return in_training_mode(m)


@refused("both", (".h5", ".keras"), "training", expect="either", extract="either")
def training_mode_frozen(m):
    """The same of a frozen base: BatchNorm that is not trainable keeps its own statistics even so."""
    return small(m, m.pooled(dense(m)), training=True)


@refused("both", (".keras", ".h5"), "MobileNetV2", "mobilenet", "MobileNet")
def mobilenet_v3(m):
    base = m.k.applications.MobileNetV3Small(input_shape=(96, 96, 3), alpha=0.75, include_top=False, weights=None)
    inputs = m.k.Input((96, 96, 3))
    return m.k.Model(inputs, m.pooled(dense(m))(base(inputs, training=False)))


@refused("both", (".h5", ".keras"), "MobileNetV2", "mobilenet", "MobileNet")
def mobilenet_v1(m):
    base = m.k.applications.MobileNet(input_shape=(128, 128, 3), alpha=0.25, include_top=False, weights=None)
    inputs = m.k.Input((128, 128, 3))
    return m.k.Model(inputs, m.pooled(dense(m))(base(inputs, training=False)))


@refused("keras3", ".keras", "int8", "quantized", "quantization", "I8", extract="either", outside=True)
def quantized_by_keras(m):
    model = m.unrolled((96, 96, 3), m.pooled(dense(m)))
    m.after = lambda: model.quantize("int8") or model
    return model


@refused("keras3", "", "SavedModel", "saved_model")
def saved_model(m):
    return small(m, m.pooled(dense(m)))
