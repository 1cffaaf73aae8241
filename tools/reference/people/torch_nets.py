"""MobileNetV2 in PyTorch in the names that each family of checkpoints has. Not a script: the others import it.

torchvision, timm and transformers bring their own; the flat one and OpenMMLab's are written here from the names that
their checkpoints have. needs: torch, torchvision, timm, transformers
"""

import torch
from torch import nn

from . import nets

# The paper's table: expansion, channels, repeats, stride.
TABLE = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def divisible(channels, by=8):
    new = max(by, int(channels + by / 2) // by * by)
    return new + by if new < 0.9 * channels else new


class Flat(nn.Module):
    """All operations of a block numbered in one Sequential, the last convolution beside the features."""

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride, expansion):
            super().__init__()
            hidden = inputs * expansion
            layers = []
            if expansion > 1:
                layers += [nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6(True)]
            layers += [nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden)]
            layers += [nn.ReLU6(True), nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
            self.conv, self.shortcut = nn.Sequential(*layers), stride == 1 and inputs == outputs

        def forward(self, x):
            return x + self.conv(x) if self.shortcut else self.conv(x)

    def __init__(self, width, classes, inside=False, dropout=False):
        super().__init__()
        by = 4 if width == 0.1 else 8
        channels = divisible(32 * width, by)
        first = nn.Sequential(nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU6(True))
        layers = [first]
        for expansion, outputs, repeats, stride in TABLE:
            outputs = divisible(outputs * width, by)
            for repeat in range(repeats):
                layers.append(self.Block(channels, outputs, stride if repeat == 0 else 1, expansion))
                channels = outputs
        self.last = divisible(1280 * width, by) if width > 1 else 1280
        last = nn.Sequential(nn.Conv2d(channels, self.last, 1, bias=False), nn.BatchNorm2d(self.last), nn.ReLU6(True))
        self.features = nn.Sequential(*layers, *([last] if inside else []))
        if not inside:
            self.conv = last
        head = nn.Linear(self.last, classes)
        self.classifier = nn.Sequential(nn.Dropout(0.2), head) if dropout else head
        self.inside = inside

    def pooled(self, x):
        x = self.features(x)
        return (x if self.inside else self.conv(x)).mean((2, 3))

    def forward(self, x):
        return self.classifier(self.pooled(x))


class ConvModule(nn.Module):
    """A convolution with its BatchNorm, as OpenMMLab names them."""

    def __init__(self, inputs, outputs, size, stride=1, groups=1, active=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.active = active

    def forward(self, x):
        x = self.bn(self.conv(x))
        return x.clamp(0, 6) if self.active else x


class OpenMMLab(nn.Module):
    """`backbone.conv1`, `backbone.layer1.0.conv.0.conv.weight`, …, `backbone.conv2`, `head.fc`."""

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride, expansion):
            super().__init__()
            hidden = inputs * expansion
            layers = [ConvModule(inputs, hidden, 1)] if expansion > 1 else []
            layers += [ConvModule(hidden, hidden, 3, stride, hidden), ConvModule(hidden, outputs, 1, active=False)]
            self.conv, self.shortcut = nn.Sequential(*layers), stride == 1 and inputs == outputs

        def forward(self, x):
            return x + self.conv(x) if self.shortcut else self.conv(x)

    class Backbone(nn.Module):
        def __init__(self, width):
            super().__init__()
            channels = divisible(32 * width)
            self.conv1 = ConvModule(3, channels, 3, 2)
            for number, (expansion, outputs, repeats, stride) in enumerate(TABLE, 1):
                outputs, blocks = divisible(outputs * width), []
                for repeat in range(repeats):
                    blocks.append(OpenMMLab.Block(channels, outputs, stride if repeat == 0 else 1, expansion))
                    channels = outputs
                self.add_module(f"layer{number}", nn.Sequential(*blocks))
            self.conv2 = ConvModule(channels, max(1280, int(1280 * width)), 1)

        def forward(self, x):
            for module in self.children():
                x = module(x)
            return x

    def __init__(self, width, classes):
        super().__init__()
        self.backbone = self.Backbone(width)
        self.head = nn.Module()
        self.head.fc = nn.Linear(1280, classes)

    def pooled(self, x):
        return self.backbone(x).mean((2, 3))

    def forward(self, x):
        return self.head.fc(self.pooled(x))


def torchvision(classes=3, width=0.35, **more):
    import torchvision

    return torchvision.models.mobilenet_v2(weights=None, width_mult=width, num_classes=classes, **more)


def timm(classes=3, name="mobilenetv2_035", **more):
    import timm

    return timm.create_model(name, pretrained=False, num_classes=classes, **more)


def transformers(classes=3, width=0.35):
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    config = MobileNetV2Config(depth_multiplier=width, num_labels=classes, tf_padding=True, finegrained_output=True,
                               depth_divisible_by=8, image_size=112)
    return MobileNetV2ForImageClassification(config)


def pooled(net, x):
    """Pooled features by the net's own modules."""
    if hasattr(net, "pooled"):
        return net.pooled(x)
    if hasattr(net, "forward_features"):
        return net.forward_features(x).mean((2, 3))
    if hasattr(net, "mobilenet_v2"):
        return net.mobilenet_v2(x).pooler_output
    return net.features(x).mean((2, 3))


def names():
    """Convolutions and their BatchNorms in Keras' names, in the net's order: the order of modules in every family."""
    yield "Conv1", "bn_Conv1"
    yield "expanded_conv_depthwise", "expanded_conv_depthwise_BN"
    yield "expanded_conv_project", "expanded_conv_project_BN"
    for block in range(1, 17):
        for part in ("expand", "depthwise", "project"):
            yield f"block_{block}_{part}", f"block_{block}_{part}_BN"
    yield "Conv_1", "Conv_1_bn"


def fill(net, folder, width=0.35, seed=0):
    """Give a net the weights of a width, or drawn ones for widths that have none, and draw its head."""
    with torch.no_grad():
        generator = torch.Generator().manual_seed(seed)
        convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
        norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
        if width in (0.35, 0.5, 1.4):
            given = nets.net(width, folder)
            for (kernel, norm), convolution, batch_norm in zip(names(), convolutions, norms, strict=True):
                array = torch.from_numpy(given[f"{kernel}/kernel"])
                axes = (2, 3, 0, 1) if "depthwise" in kernel else (3, 2, 0, 1)
                convolution.weight.copy_(array.permute(*axes))
                for mine, theirs in [("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean"),
                                     ("running_var", "moving_variance")]:
                    getattr(batch_norm, mine).copy_(torch.from_numpy(given[f"{norm}/{theirs}"]))
        else:
            draw(net, convolutions, norms, generator)
        for module in net.modules():
            if isinstance(module, nn.Linear):
                module.weight.normal_(0, 1.4 / module.in_features**0.5, generator=generator)
                if module.bias is not None:
                    module.bias.normal_(0, 0.5, generator=generator)
            elif isinstance(module, nn.BatchNorm1d):
                for values, low, high in [(module.weight, 0.5, 1.5), (module.bias, -0.5, 0.5),
                                          (module.running_mean, 0.3, 1.0), (module.running_var, 0.4, 1.6)]:
                    if values is not None:
                        values.uniform_(low, high, generator=generator)
    return net.eval()


def draw(net, convolutions, norms, generator):
    """Random kernels, and statistics of each BatchNorm that noise gives."""
    for convolution in convolutions:
        fan_in = convolution.weight[0].numel()
        convolution.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
    for norm in norms:
        norm.momentum = 1.0
        norm.weight.uniform_(0.6, 1.4, generator=generator)
        norm.bias.normal_(0, 0.3, generator=generator)
    net.train()
    net(torch.nn.functional.interpolate(torch.randn(8, 3, 12, 12, generator=generator), (96, 96)))
    for norm in norms:
        norm.momentum = 0.1
