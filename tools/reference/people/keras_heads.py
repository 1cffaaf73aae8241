"""Heads of Keras models as people make them. Not a script: the others import it. needs: keras, tf_keras, numpy"""

import numpy as np

from .keras_cases import case, dense
from .keras_parts import chain

SMALL = ((96, 96),)


def small(m, head, **more):
    return m.functional((96, 96, 3), m.preprocess, head, **more)


@case("both", (".keras", ".h5"), photos=SMALL)
def no_bias(m):
    return small(m, lambda x: dense(m, use_bias=False)(x), base=m.base((96, 96, 3), pooling="avg"))


@case("both", (".h5", ".keras"), photos=SMALL, classes=4)
def pooling_inside_two_dense(m):
    layers = [dense(m, 128, "relu"), m.layers.Dropout(0.5), dense(m, 4)]
    return small(m, lambda x: chain(x, layers), base=m.base((96, 96, 3), pooling="avg"))


@case("both", (".keras", ".h5"), photos=((224, 224),), classes=2, outside=True)
def average_flatten(m):
    """AveragePooling2D over the whole map, Flatten, Dense, Dropout, Dense: a widely copied recipe."""
    layers = [m.layers.AveragePooling2D(pool_size=(7, 7)), m.layers.Flatten(name="flatten"), dense(m, 128, "relu"),
              m.layers.Dropout(0.5), dense(m, 2)]
    return m.unrolled((224, 224, 3), lambda x: chain(x, layers))


@case("both", (".keras", ".h5"), photos=SMALL, classes=5)
def batchnorm_chain(m):
    layers = [m.layers.BatchNormalization(), m.layers.Dropout(0.3), dense(m, 64, "relu"),
              m.layers.BatchNormalization(), m.layers.Dropout(0.3), dense(m, 5)]
    return small(m, m.pooled(*layers))


@case("keras3", ".keras", photos=SMALL)
def batchnorm_without_gamma(m):
    layers = [m.layers.BatchNormalization(scale=False, epsilon=1e-2), dense(m, 32, None, use_bias=False),
              m.layers.BatchNormalization(center=False), m.layers.Activation("relu"), dense(m)]
    return small(m, m.pooled(*layers))


@case("both", (".keras", ".h5"), photos=SMALL)
def batchnorm_of_map(m):
    """BatchNorm of the base's map: each channel alone, so it folds behind the mean."""
    layers = [m.layers.BatchNormalization(), m.layers.SpatialDropout2D(0.1), m.layers.GlobalAveragePooling2D(), dense(m)]
    return small(m, lambda x: chain(x, layers))


@case("both", (".keras", ".h5"), photos=SMALL)
def activations_apart(m):
    layers = [m.layers.Dense(24), m.layers.Activation("relu"), m.layers.Dense(16), m.layers.ReLU(),
              m.layers.Dense(3), m.layers.Softmax()]
    return small(m, m.pooled(*layers))


@case("keras3", ".keras", photos=SMALL)
def relu6_dense(m):
    return small(m, m.pooled(dense(m, 24, "relu6"), m.layers.Dense(16), m.layers.ReLU(max_value=6), dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL, classes=2, output="sigmoid")
def sigmoid_one(m):
    return small(m, m.pooled(dense(m, 1, "sigmoid")))


@case("both", (".h5", ".keras"), photos=SMALL, classes=2)
def softmax_two(m):
    return small(m, m.pooled(dense(m, 2)))


@case("both", (".keras", ".h5"), photos=SMALL, classes=5, output="logits")
def logits(m):
    return small(m, m.pooled(dense(m, 5, None)))


@case("both", (".keras", ".h5"), photos=SMALL, classes=2, output="logit")
def logit_one(m):
    return small(m, m.pooled(dense(m, 1, None)))


@case("both", (".keras", ".h5"), photos=SMALL, classes=4, output="labels")
def multi_label(m):
    return small(m, m.pooled(dense(m, 4, "sigmoid")))


@case("keras3", ".keras", photos=SMALL, classes=4, output="labels")
def multi_label_hidden(m):
    return small(m, m.pooled(dense(m, 32, "relu"), m.layers.Dense(4), m.layers.Activation("sigmoid")))


@case("both", (".keras", ".h5"), photos=SMALL)
def temperature(m):
    """Arithmetic between the last dense layer and the softmax."""
    softmax = m.k.ops.softmax if m.three else m.k.activations.softmax
    return small(m, m.pooled(m.layers.Dense(3), lambda x: x / 2.5, lambda x: softmax(x)))


@case("both", (".h5", ".keras"), photos=SMALL)
def temperature_layer(m):
    return small(m, m.pooled(m.layers.Dense(3), lambda x: x * 0.4, m.layers.Softmax()))


@case("keras3", ".keras", photos=SMALL)
def rescaled_features(m):
    """A Rescaling between pooling and dense layer."""
    return small(m, m.pooled(m.layers.Rescaling(0.5, offset=0.1), dense(m)))


@case("both", (".keras", ".h5"), photos=SMALL)
def keepdims_flatten(m):
    layers = [m.layers.GlobalAveragePooling2D(keepdims=True), m.layers.Flatten(), dense(m)]
    return small(m, lambda x: chain(x, layers))


@case("keras3", ".keras", photos=SMALL, expect="either", named=("Reshape", "reshape"))
def reshape(m):
    layers = [m.layers.GlobalAveragePooling2D(), m.layers.Reshape((1, 1, 1280)), m.layers.Dropout(0.1),
              m.layers.Reshape((1280,)), dense(m)]
    return small(m, lambda x: chain(x, layers))


@case("both", (".keras", ".h5"), photos=SMALL, expect="either", named=("conv", "Conv2D"))
def pointwise_head(m):
    """MobileNet's own way: pooling that keeps its axes, a 1x1 convolution, Reshape, softmax."""
    layers = [m.layers.GlobalAveragePooling2D(keepdims=True), m.layers.Conv2D(3, 1, name="conv_preds"),
              m.layers.Reshape((3,)), m.layers.Activation("softmax")]
    return small(m, lambda x: chain(x, layers))


@case("keras3", ".keras", photos=SMALL)
def noise_and_regularizers(m):
    layers = [m.layers.GaussianDropout(0.1), m.layers.ActivityRegularization(0.01),
              dense(m, 16, "relu", kernel_regularizer="l2"), m.layers.AlphaDropout(0.1), dense(m)]
    return small(m, m.pooled(*layers))


def applications(m, classes, **more):
    """MobileNetV2 with its own top and nothing else."""
    model = m.k.applications.MobileNetV2(input_shape=(96, 96, 3), alpha=0.35, weights=None, classes=classes, **more)
    trunk = m.k.Model(model.input, model.get_layer("out_relu").output)
    m.load(trunk)
    rng = np.random.default_rng(8)
    model.layers[-1].set_weights([rng.normal(0, 0.04, (1280, classes)), rng.normal(0, 0.5, classes)])
    m.backbone = trunk
    return model


@case("both", (".keras", ".h5"), photos=SMALL, classes=10, outside=True)
def own_top(m):
    return applications(m, 10)


@case("keras3", ".keras", photos=SMALL, classes=10, outside=True, output="logits")
def own_top_logits(m):
    return applications(m, 10, classifier_activation=None)


@case("both", (".weights.h5", ".weights.h5"), photos=SMALL, options=("--size", "96"), outside=True)
def weights_alone(m):
    """Weights without a description: the layout's own scaling and padding."""
    return m.unrolled((96, 96, 3), m.pooled(dense(m)))


@case("tf_keras", ".legacy.h5", photos=SMALL, options=("--size", "96"), outside=True)
def weights_of_keras_2(m):
    return m.unrolled((96, 96, 3), m.pooled(dense(m)))


@case("both", (".keras", ".h5"), photos=((96, 128),))
def width_half(m):
    return m.functional((96, 128, 3), m.preprocess, m.pooled(dense(m)), base=m.base((96, 128, 3), 0.5))


@case("tf_keras", ".keras", photos=((128, 96),))
def width_three_quarters(m):
    return m.functional((128, 96, 3), m.preprocess, m.pooled(dense(m, 16, "relu"), dense(m)), base=m.base((128, 96, 3), 0.75))


@case("keras3", ".h5", photos=SMALL)
def width_one(m):
    return small(m, m.pooled(dense(m)), base=m.base((96, 96, 3), 1.0))


@case("keras3", ".keras", photos=SMALL)
def width_one_point_four(m):
    """The last convolution grows with the width: 1,792 features."""
    return small(m, m.pooled(dense(m)), base=m.base((96, 96, 3), 1.4))


@case("keras3", ".keras", photos=SMALL, tolerance=2e-5)
def bfloat16(m):
    """Variables of bfloat16, as the policy of that name keeps them; computed here in f32 from the rounded values."""
    import ml_dtypes

    build = lambda: small(m, m.pooled(dense(m)))
    model, backbone = build(), m.backbone

    def after():
        rounded = [w.astype(ml_dtypes.bfloat16) for w in model.get_weights()]
        model.set_weights([w.astype(np.float32) for w in rounded])
        m.k.config.set_dtype_policy("bfloat16")
        try:
            narrow = build()
        finally:
            m.k.config.set_dtype_policy("float32")
        narrow.set_weights(rounded)
        m.backbone = backbone
        return narrow

    m.after = after
    return model
