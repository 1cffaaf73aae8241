"""Heads on torch nets, and what must be refused by name. Not a script: the others import it."""

import collections

import torch
from torch import nn

from . import torch_nets as nets
from .torch_cases import case, prefixed, refused
from .torch_objects import foreign


@case(".pth")
def head_linear(b):
    """`classifier` is the dense layer itself."""
    return b.torchvision(nn.Linear(1280, 3)).state_dict()


@case(".pth")
def head_sequential_one(b):
    return b.torchvision(nn.Sequential(nn.Linear(1280, 3))).state_dict()


@case(".pth")
def head_dropouts(b):
    return b.torchvision(nn.Sequential(nn.Dropout(), nn.Dropout(), nn.Dropout(), nn.Linear(1280, 3))).state_dict()


@case(".pth")
def head_replaced_by_sequential(b):
    """`classifier[1] = Sequential(Linear)`: nested numbers."""
    net = nets.torchvision()
    net.classifier[1] = nn.Sequential(nn.Dropout(0.1), nn.Linear(1280, 3))
    return b.of(net).state_dict()


@case(".pth")
def head_named(b):
    layers = collections.OrderedDict(drop=nn.Dropout(), fc=nn.Linear(1280, 3))
    return b.torchvision(nn.Sequential(layers)).state_dict()


@case(".pth")
def head_without_bias(b):
    return b.torchvision(nn.Sequential(nn.Dropout(), nn.Linear(1280, 3, bias=False))).state_dict()


class Renamed(nn.Module):
    """torchvision's features with a head under a name of the user's own."""

    def __init__(self, name, head):
        super().__init__()
        self.features = nets.torchvision().features
        self.name = name
        self.add_module(name, head)

    def pooled(self, x):
        return self.features(x).mean((2, 3))

    def forward(self, x):
        return getattr(self, self.name)(self.pooled(x))


@case(".pth")
def head_fc(b):
    return b.of(Renamed("fc", nn.Linear(1280, 3))).state_dict()


@case(".pth")
def head_head(b):
    return b.of(Renamed("head", nn.Sequential(nn.Dropout(), nn.Linear(1280, 3)))).state_dict()


@case(".pth", told=("relu", "activation"))
def head_two_layers(b):
    head = nn.Sequential(nn.Dropout(), nn.Linear(1280, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 3))
    return b.torchvision(head).state_dict()


@case(".pth", told=("relu", "activation"))
def head_two_layers_nested(b):
    net = nets.torchvision()
    net.classifier[1] = nn.Sequential(nn.Linear(1280, 32), nn.ReLU(inplace=True), nn.Linear(32, 3))
    return b.of(net).state_dict()


@case(".pth", told=("relu", "activation"))
def head_three_layers_batchnorm(b):
    head = nn.Sequential(nn.Linear(1280, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 16),
                         nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    return b.torchvision(head).state_dict()


@case(".pth")
def head_batchnorm_first(b):
    return b.torchvision(nn.Sequential(nn.BatchNorm1d(1280), nn.Dropout(), nn.Linear(1280, 3))).state_dict()


@case(".pth")
def head_two_layers_without_anything_between(b):
    return b.torchvision(nn.Sequential(nn.Linear(1280, 32), nn.Linear(32, 3))).state_dict()


@case(".pth", expect="told", named=("activation", "tanh", "relu"), told=("relu", "activation"))
def head_tanh(b):
    """A state dict does not say what stands between two dense layers: what is taken must be said."""
    return b.torchvision(nn.Sequential(nn.Linear(1280, 32), nn.Tanh(), nn.Linear(32, 3))).state_dict()


@case(".pth", classes=2, one_logit=True)
def head_one_logit(b):
    return b.torchvision(nn.Sequential(nn.Dropout(), nn.Linear(1280, 1))).state_dict()


@case(".pth")
def timm_head_sequential(b):
    net = nets.timm()
    net.classifier = nn.Sequential(nn.Dropout(), nn.Linear(1280, 3))
    return b.of(net).state_dict()


@refused(".pth", "parametrizations", "classifier.1", extract="open")
def head_weight_norm(b):
    net = nets.torchvision()
    nn.utils.parametrizations.weight_norm(net.classifier[1])
    nets.fill(net, b.folder)
    b.net = net
    return net.state_dict()


@refused(".pth", "classifier", "4-dimensional", "shape", "conv", extract="either")
def head_convolution(b):
    net = b.torchvision()
    state = {n: v for n, v in net.state_dict().items() if "classifier" not in n}
    return state | {"classifier.0.weight": torch.randn(64, 1280, 3, 3), "classifier.3.weight": torch.randn(21, 64, 1, 1)}


# ---- refused ----


@refused(".pt", "TorchScript")
def torchscript(b):
    net = b.torchvision()
    return lambda path: torch.jit.trace(net, torch.zeros(1, 3, 64, 64)).save(str(path))


@refused(".pt2", "torch.export")
def exported_program(b):
    net = b.torchvision()
    return lambda path: torch.export.save(torch.export.export(net, (torch.zeros(1, 3, 64, 64),)), str(path))


@refused(".pth", "MobileNetV2")
def whole_module(b):
    return b.torchvision()


@refused(".pth", "MobileNetV2", legacy=True)
def whole_module_before_1_6(b):
    return b.torchvision()


@refused(".pt", "MobileNetV2", "module", "model")
def module_under_a_key(b):
    return {"epoch": 3, "model": b.torchvision(), "optimizer": None, "ema": None, "updates": None}


@refused(".safetensors", "shard", "00002")
def shard_safetensors(b):
    state = list(b.of(nets.timm()).state_dict().items())
    return dict(state[: len(state) // 2])


@refused(".bin", "shard", "00002")
def shard_bin(b):
    state = list(b.of(nets.timm()).state_dict().items())
    return dict(state[len(state) // 2 :])


@refused(".pth", "running_mean")
def parameters_alone(b):
    """Without buffers the statistics of BatchNorm are missing."""
    return dict(b.torchvision().named_parameters())


@refused(".pth", "GroupNorm", "running_mean")
def group_norm(b):
    net = nets.torchvision(norm_layer=lambda channels: nn.GroupNorm(8, channels))
    return net.state_dict()


@refused(".pth", "features.0.0.weight", "channel")
def one_channel(b):
    net = nets.torchvision()
    net.features[0][0] = nn.Conv2d(1, 16, 3, 2, 1, bias=False)
    return net.state_dict()


@refused(".pth", "block", "features", "MobileNetV2")
def other_table(b):
    """Another number of blocks than the paper's."""
    table = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 3, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]]
    return nets.torchvision(inverted_residual_setting=table).state_dict()


@refused(".pth", "MobileNetV2", "MobileNetV3", "layout")
def mobilenet_v3(b):
    import torchvision

    return torchvision.models.mobilenet_v3_small(weights=None, width_mult=0.5, num_classes=3).state_dict()


@refused(".pth", "MobileNetV2", "ResNet", "layout")
def resnet(b):
    import timm

    return timm.create_model("resnet10t", pretrained=False, num_classes=3).state_dict()


@refused(".safetensors", "110d", "deeper", "block")
def timm_110d(b):
    return nets.timm(name="mobilenetv2_110d").state_dict()


@refused(".pth", "quantized", "qint8", "quint8")
def quantized(b):
    net = b.torchvision(nn.Sequential(nn.Dropout(), nn.Linear(1280, 3)))
    state = dict(net.state_dict())
    state["features.0.0.weight"] = torch.quantize_per_tensor(state["features.0.0.weight"], 0.01, 0, torch.qint8)
    return state


@refused(".pth", "sparse", "classifier.1", extract="either")
def sparse(b):
    state = dict(b.torchvision().state_dict())
    state["classifier.1.weight"] = state["classifier.1.weight"].to_sparse()
    return state


@refused(".pth", "optimizer", "weights", "tensors", "names", "layout")
def optimizer_alone(b):
    from .torch_objects import optimizer

    return optimizer(b.torchvision(), torch.optim.Adam)


@refused(".pt", "object", "class", "learner", "Learner", "module")
def learner(b):
    """An object of a training library with the net inside."""
    made = foreign("fastai.learner", "Learner")()
    made.model = b.torchvision()
    return made
