"""The parts that people make Keras models of, for Keras 3 and for tf_keras alike.

Not a script: the others import it. needs: keras, tf_keras, numpy
"""

import numpy as np


class Maker:
    """One package (`keras` or `tf_keras`), the folder of nets, and what a model's features are taken from."""

    def __init__(self, package, folder, nets):
        self.k, self.layers, self.folder, self.nets = package, package.layers, folder, nets
        self.three = package.__name__ == "keras"
        self.backbone = None

    def base(self, shape, width=0.35, **arguments):
        """MobileNetV2 without a top, with weights that give sensible features."""
        model = self.k.applications.MobileNetV2(
            input_shape=shape, alpha=width, include_top=False, weights=None, **arguments
        )
        self.load(model, width)
        return model

    def load(self, model, width=0.35):
        """Give the layers of MobileNetV2 in `model` the weights of a width."""
        given = self.nets.net(width, self.folder)
        for layer in model.layers:
            for variable in layer.weights:
                name = variable.name.split("/")[-1].split(":")[0].replace("depthwise_kernel", "kernel")
                variable.assign(given[f"{layer.name}/{name}"])
        model.trainable = False

    def preprocess(self, x):
        return self.k.applications.mobilenet_v2.preprocess_input(x)

    def functional(self, shape, before, head, base=None, inputs=None, **call):
        """A Functional model: `before`, the base as one layer, `head`. The base's output is what features are made of."""
        inputs = inputs if inputs is not None else self.k.Input(shape)
        x = before(inputs)
        base = base or self.base(tuple(x.shape[1:]))
        x = base(x, **(call or {"training": False}))
        self.backbone = self.k.Model(inputs, x)
        return self.k.Model(inputs, head(x))

    def unrolled(self, shape, head, width=0.35, **arguments):
        """A Functional model with the base's layers among its own."""
        base = self.base(shape, width, **arguments)
        self.backbone = base
        return self.k.Model(base.input, head(base.output))

    def sequential(self, *layers, name=None):
        """A Sequential; the features are those behind the layer that is MobileNetV2, alone or in a Sequential."""
        model = self.k.Sequential(list(layers), name=name)

        def features(x, training):
            for layer in model.layers:
                x = layer(x, training=training)
                if "mobilenet" in layer.name or layer.name == "backbone":
                    return x
            raise AssertionError("no base in the Sequential")

        self.backbone = features
        return model

    def pooled(self, *behind):
        """Global average pooling, then layers."""
        return lambda x: chain(self.layers.GlobalAveragePooling2D()(x), behind)

    def features(self, pixels):
        """Pooled features [N, C] of u8 pixels, before any layer of the head."""
        x = np.asarray(self.backbone(pixels.astype(np.float32), training=False))
        return x.mean((1, 2), dtype=np.float64).astype(np.float32) if x.ndim == 4 else x


def chain(x, layers):
    for layer in layers:
        x = layer(x)
    return x


def randomize(model, seed):
    """Weights of the head (whatever is not in MobileNetV2) that give probabilities apart, and not all 0 or 1."""
    rng = np.random.default_rng(seed)
    flat = [model] + [m for m in walk(model)]
    known = {id(l) for m in flat if "mobilenet" in m.name or m.name == "backbone" for l in m.layers}
    for layer in (l for m in flat for l in m.layers if id(l) not in known):
        kind = type(layer).__name__
        if kind == "Dense":
            kernel = np.array(layer.kernel)
            value = [rng.normal(0, 1.4 / np.sqrt(kernel.shape[0]), kernel.shape)]
            layer.set_weights(value + ([rng.normal(0, 0.5, kernel.shape[1])] if layer.use_bias else []))
        elif kind == "BatchNormalization" and layer.name.startswith(("batch_norm", "head")):
            new = []
            for old, (low, high) in zip(layer.weights, spans(layer)):
                new.append(rng.uniform(low, high, tuple(old.shape)))
            layer.set_weights(new)


def spans(layer):
    """Bounds of gamma, beta, mean and variance, those of them that the layer has."""
    return [(0.5, 1.5)] * bool(layer.scale) + [(-0.5, 0.5)] * bool(layer.center) + [(0.3, 1.0), (0.4, 1.6)]


def walk(model):
    """All models inside a model."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield layer
            yield from walk(layer)
