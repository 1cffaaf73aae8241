"""More of what Keras models have before and behind the base. Not a script: the others import it."""

import numpy as np

from .keras_cases import case, dense
from .keras_heads import SMALL, small
from .keras_parts import chain
from .keras_refused import head_refused, refused


def operation(m, kind, number, name):
    """An arithmetic operation as TensorFlow 2.0 to 2.3 kept it in a model: a node of a graph in its description."""
    import tensorflow as tf
    from tf_keras.src.engine.base_layer import TensorFlowOpLayer

    node = tf.compat.v1.NodeDef(name=name, op=kind, input=["input_1", f"{name}/y"])
    node.attr["T"].type = tf.float32.as_datatype_enum
    return TensorFlowOpLayer(node.SerializeToString(), name, {1: np.float32(number)})


@case("tf_keras", ".h5", photos=SMALL)
def operations_of_keras_2_3(m):
    """preprocess_input as TensorFlow 2.0 to 2.3 wrote it."""
    layers = [operation(m, "RealDiv", 127.5, "truediv"), operation(m, "Sub", 1.0, "sub")]
    return m.functional((96, 96, 3), lambda x: chain(x, layers), m.pooled(dense(m)))


@case("tf_keras", ".h5", photos=SMALL)
def other_operations_of_keras_2_3(m):
    layers = [operation(m, "Mul", 1 / 100, "mul"), operation(m, "AddV2", -1.25, "add")]
    return m.functional((96, 96, 3), lambda x: chain(x, layers), m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((213, 300), (320, 240)), expect="either", extract="either", named=("uint8", "u8", "round"))
def bytes_resized(m):
    """An input of u8 that a layer resizes: Keras 3 rounds what comes of it."""
    layers = [m.layers.Resizing(96, 96), m.layers.Rescaling(1 / 127.5, offset=-1)]
    return m.functional(None, lambda x: chain(x, layers), m.pooled(dense(m)), base=m.base((96, 96, 3)),
                        inputs=m.k.Input((None, None, 3), dtype="uint8"))


@case("keras3", ".keras", photos=((213, 300),), expect="either", extract="either", named=("antialias",))
def resizing_antialias(m):
    before = lambda x: m.preprocess(m.layers.Resizing(96, 96, antialias=True)(x))
    return m.functional((None, None, 3), before, m.pooled(dense(m)), base=m.base((96, 96, 3)))


@case("both", (".keras", ".h5"), photos=((213, 300), (320, 240)))
def scaled_before_resizing(m):
    layers = [m.layers.Rescaling(1 / 127.5, offset=-1), m.layers.Resizing(96, 96)]
    return m.functional((None, None, 3), lambda x: chain(x, layers), m.pooled(dense(m)), base=m.base((96, 96, 3)))


@case("both", (".h5", ".keras"), photos=((140, 180), (150, 97)))
def resizing_in_sequential(m):
    """Resizing and Rescaling in a Sequential of their own; the model states no size."""
    before = m.k.Sequential([m.layers.Resizing(128, 128), m.layers.Rescaling(1 / 127.5, offset=-1)])
    return m.functional((None, None, 3), before, m.pooled(dense(m)), base=m.base((128, 128, 3)))


@case("both", (".keras", ".h5"), photos=SMALL)
def layers_of_ones_own_names(m):
    """Names that say something else than what a layer is."""
    layers = [m.layers.Dense(16, activation="relu", name="predictions"), m.layers.Dropout(0.2, name="dense_9"),
              m.layers.Dense(3, activation="softmax", name="a_first")]
    before = m.layers.Rescaling(1 / 255, offset=-0.25, name="preprocess_input")
    return m.functional((96, 96, 3), before, m.pooled(*layers))


@case("both", (".keras", ".h5"), photos=SMALL)
def three_hidden(m):
    layers = [dense(m, units, "relu") for units in (64, 32, 16)]
    return small(m, m.pooled(*layers, dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL)
def linear_hidden(m):
    """A dense layer without activation between two."""
    return small(m, m.pooled(dense(m, 24, "linear"), dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL)
def batchnorm_between_dense_and_relu(m):
    layers = [dense(m, 32, None, use_bias=False), m.layers.BatchNormalization(), m.layers.ReLU(), m.layers.Dropout(0.4), dense(m)]
    return small(m, m.pooled(*layers))


@case("both", (".keras", ".h5"), photos=SMALL)
def batchnorm_last(m):
    """BatchNorm between the last dense layer and its softmax."""
    return small(m, m.pooled(dense(m, 3, None), m.layers.BatchNormalization(), m.layers.Activation("softmax")))


@case("both", (".keras", ".h5"), photos=SMALL, classes=2, output="sigmoid")
def one_sigmoid_hidden(m):
    return small(m, m.pooled(dense(m, 16, "relu"), dense(m, 1, "sigmoid")))


@head_refused("both", (".keras", ".h5"), "swish", "silu")
def swish(m):
    return small(m, m.pooled(dense(m, 32, "swish"), dense(m)))


@head_refused("both", (".keras", ".h5"), "tanh")
def tanh_layer(m):
    return small(m, m.pooled(m.layers.Dense(32), m.layers.Activation("tanh"), dense(m)))


@head_refused("keras3", ".keras", "negative_slope", "ReLU", "re_lu")
def relu_with_slope_in_head(m):
    return small(m, m.pooled(m.layers.Dense(32), m.layers.ReLU(negative_slope=0.2), dense(m)))


@head_refused("keras3", ".keras", "UnitNormalization", "unit_normalization")
def unit_norm(m):
    return small(m, m.pooled(m.layers.UnitNormalization(), dense(m)))


@head_refused("both", (".keras", ".h5"), "AveragePooling2D", "average_pooling2d", "Flatten", "flatten")
def average_of_parts(m):
    """Pooling by windows smaller than the map, then Flatten."""
    layers = [m.layers.AveragePooling2D(2), m.layers.Flatten(), dense(m)]
    return m.functional((128, 128, 3), m.preprocess, lambda x: chain(x, layers))


@head_refused("both", (".keras", ".h5"), "softplus", "Activation", "activation", "hard_sigmoid")
def other_output(m):
    return small(m, m.pooled(dense(m, 3, "softplus")))


@refused("both", (".keras", ".h5"), "tf.math", "Power", "power", "pow")
def squared(m):
    return m.functional((96, 96, 3), lambda x: (x / 127.5) ** 2, m.pooled(dense(m)))


@refused("keras3", ".keras", "depthwise", "DepthwiseConv2D", "SeparableConv2D", "stem_pool", "AveragePooling2D")
def pooling_before(m):
    layer = m.layers.AveragePooling2D(2, name="stem_pool")
    return m.functional((192, 192, 3), lambda x: m.preprocess(layer(x)), m.pooled(dense(m)))


@refused("both", (".keras", ".h5"), "ZeroPadding2D", "frame", "Cropping2D")
def padding_before(m):
    layer = m.layers.ZeroPadding2D(8, name="frame")
    return m.functional((80, 80, 3), lambda x: m.preprocess(layer(x)), m.pooled(dense(m)))


@refused("both", (".keras", ".h5"), "MobileNetV2", "mobilenet", "two", "base")
def two_bases(m):
    """Two nets side by side."""
    inputs = m.k.Input((96, 96, 3))
    x = m.preprocess(inputs)
    bases = [m.base((96, 96, 3)) for _ in range(2)]
    for number, base in enumerate(bases):
        base._name = f"mobilenetv2_{number}" if not m.three else base.name
        if m.three:
            base.name = f"mobilenetv2_{number}"
    pool = m.layers.GlobalAveragePooling2D()
    return m.k.Model(inputs, dense(m)(m.layers.Concatenate()([pool(base(x, training=False)) for base in bases])))
