"""Checkpoints of PyTorch as people have them. A case is a function of a `Bench` that returns what is saved.

Not a script: the others import it. needs: torch, torchvision, timm, transformers, numpy
"""

import collections
import dataclasses
from typing import Callable

import torch
from torch import nn

from . import torch_nets as nets
from .torch_objects import of_all_kinds, optimizer, settings

CASES = []
# torchvision and others shrink the short side to 8/7 of the input and cut the middle out: of these nothing is resized.
PHOTO, INPUT = (128, 128), 112


@dataclasses.dataclass
class Case:
    """A checkpoint and what must become of it."""

    name: str
    build: Callable
    container: str
    classes: int = 3
    photo: tuple = PHOTO
    side: int = INPUT
    options: tuple = ("--size", str(INPUT))
    expect: str = "open"
    extract: str = "open"
    named: tuple = ()
    told: tuple = ()
    one_logit: bool = False
    half: bool = False
    tolerance: float = 1e-5
    legacy: bool = False
    protocol: int = 2


def case(container, **about):
    def register(build):
        CASES.append(Case(build.__name__, build, container, **about))
        return build

    return register


def refused(container, *named, **more):
    return case(container, named=named, **({"expect": "refuse", "extract": "refuse"} | more))


class Bench:
    """Makes nets; remembers the one whose outputs are right."""

    def __init__(self, folder, seed):
        self.folder, self.seed, self.net = folder, seed, None

    def of(self, net, width=0.35):
        self.net = nets.fill(net, self.folder, width, self.seed)
        return self.net

    def torchvision(self, head=None, **more):
        net = nets.torchvision(**more)
        if head is not None:
            net.classifier = head
        return self.of(net)

    def shifted(self, build=nets.torchvision):
        """Another net, for moving averages: the same but for its head and a part of its weights."""
        net = nets.fill(build(), self.folder, 0.35, self.seed + 1)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.mul_(1.02)
        return net


def prefixed(state, prefix):
    return {prefix + name: value for name, value in state.items()}


# ---- keys and prefixes ----


@case(".pth", legacy=True)
def plain_before_1_6(b):
    return b.torchvision().state_dict()


@case(".pth", options=(), photo=(256, 256), side=224)
def plain(b):
    """Nothing is said of a size: 224."""
    return b.torchvision().state_dict()


@case(".pth.tar")
def imagenet_example(b):
    """What PyTorch's ImageNet example saves, with DataParallel's prefix."""
    net = b.torchvision()
    return {"epoch": 90, "arch": "mobilenet_v2", "state_dict": prefixed(net.state_dict(), "module."),
            "best_acc1": torch.tensor(71.8), "optimizer": optimizer(net, torch.optim.SGD), "scheduler": {"step_size": 30}}


@case(".ckpt")
def lightning(b):
    net = b.torchvision()
    return {"epoch": 3, "global_step": 120, "pytorch-lightning_version": "2.5.0",
            "state_dict": collections.OrderedDict(prefixed(net.state_dict(), "model.")),
            "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}}}},
            "callbacks": {"ModelCheckpoint{'monitor': 'val'}": {"best_model_score": torch.tensor(0.9), "dirpath": "/x"}},
            "optimizer_states": [optimizer(net, torch.optim.Adam)], "lr_schedulers": [],
            "hparams_name": "kwargs", "hyper_parameters": {"lr": 1e-3, "args": settings()}}


@case(".ckpt", expect="either", extract="either", named=("criterion.weight",))
def lightning_with_loss(b):
    """A loss with weights of its own beside the net."""
    state = prefixed(b.torchvision().state_dict(), "model.")
    return {"state_dict": state | {"criterion.weight": torch.tensor([1.0, 2.0, 0.5])}, "epoch": 1}


@case(".pth")
def net_key(b):
    return {"net": prefixed(b.torchvision().state_dict(), "module."), "acc": 93.1, "epoch": 199}


@case(".pt")
def model_state_dict(b):
    net = b.torchvision()
    return {"epoch": 5, "model_state_dict": net.state_dict(), "loss": torch.tensor(0.3),
            "optimizer_state_dict": optimizer(net, torch.optim.Adam)}


@case(".pt")
def key_of_ones_own(b):
    """Keys that no list holds: what a state dict is, its tensors say."""
    return {"stuff": {"my_best_weights": b.torchvision().state_dict()}, "note": "fold 3"}


@case(".pt")
def in_a_tuple(b):
    return (b.torchvision().state_dict(), 17, "mobilenet")


@case(".pth")
def torchvision_reference(b):
    """What torchvision's training scripts save, with moving averages beside the model."""
    net = b.torchvision()
    ema = prefixed(b.shifted().state_dict(), "module.") | {"n_averaged": torch.tensor(500)}
    return {"model": net.state_dict(), "optimizer": optimizer(net, torch.optim.RMSprop),
            "lr_scheduler": {"base_lrs": [0.1]}, "epoch": 299, "args": settings(), "model_ema": ema, "scaler": {}}


@case(".pth", options=("--size", "112", "--ema"))
def torchvision_reference_ema(b):
    net = b.shifted()
    saved = torchvision_reference(b)
    b.net = net
    return saved


@case(".pth.tar")
def timm_checkpoint(b):
    """What timm's trainer saves."""
    net = b.of(nets.timm())
    return {"epoch": 40, "arch": "mobilenetv2_035", "state_dict": net.state_dict(), "version": 2, "args": settings(),
            "optimizer": optimizer(net, torch.optim.AdamW), "amp_scaler": {"scale": 65536.0},
            "state_dict_ema": b.shifted(nets.timm).state_dict(), "metric": 0.71}


@case(".pth.tar", options=("--size", "112", "--ema"))
def timm_checkpoint_ema(b):
    net = b.shifted(nets.timm)
    saved = timm_checkpoint(b)
    b.net = net
    return saved


@case(".pt")
def averaged_model(b):
    """The state of `AveragedModel` alone: a count beside the weights."""
    return torch.optim.swa_utils.AveragedModel(b.torchvision()).state_dict()


@case(".pt")
def ema_alone(b):
    """Only moving averages are in the file."""
    return {"ema": b.torchvision().state_dict(), "updates": 1000}


@case(".pt")
def compiled(b):
    return prefixed(b.torchvision().state_dict(), "_orig_mod.")


@case(".pt")
def compiled_in_parallel(b):
    return {"model": prefixed(b.torchvision().state_dict(), "module._orig_mod.net.")}


@case(".safetensors")
def prefixed_safetensors(b):
    return prefixed(b.of(nets.timm()).state_dict(), "model.backbone.")


@case(".ckpt", expect="either", extract="either", named=("student", "teacher"))
def student_and_teacher(b):
    state = prefixed(b.torchvision().state_dict(), "student.")
    return {"state_dict": state | prefixed(b.shifted().state_dict(), "teacher.")}


@case(".pth", expect="either", extract="either", named=("backbone.0", "backbone.0.0", "backbone"))
def children_in_sequential(b):
    """The features as children of a Sequential, the name `features` lost, and a new head."""
    net = b.torchvision()
    return prefixed(net.features.state_dict(), "backbone.0.") | prefixed(net.classifier[1].state_dict(), "fc.")


# ---- what stands beside the weights, and how tensors are stored ----


@case(".pth")
def beside_of_all_kinds(b):
    return of_all_kinds() | {"model": b.torchvision().state_dict()}


@case(".pth", legacy=True)
def beside_of_all_kinds_before_1_6(b):
    return {"model": b.torchvision().state_dict()} | of_all_kinds()


@case(".pth", protocol=4)
def protocol_4(b):
    return {"state_dict": b.torchvision().state_dict(), "args": settings()}


@case(".pth")
def parameters_as_such(b):
    """Parameters, not tensors, in a plain dict."""
    net = b.torchvision()
    return dict(net.named_parameters()) | dict(net.named_buffers())


@case(".pth")
def without_counts(b):
    """As before PyTorch 0.4.1, without num_batches_tracked."""
    return {n: v for n, v in b.torchvision().state_dict().items() if "num_batches" not in n}


@case(".pth")
def channels_last(b):
    """Weights in another order of memory."""
    return b.torchvision().to(memory_format=torch.channels_last).state_dict()


@case(".pth")
def views_of_one_storage(b):
    """All tensors are views of one flat storage, the dense layer's kernel transposed."""
    state = {n: v for n, v in b.torchvision().state_dict().items()}
    floats = {n: v for n, v in state.items() if v.is_floating_point()}
    flat = torch.cat([v.reshape(-1) for v in floats.values()])
    at = 0
    for name, value in floats.items():
        state[name] = flat[at : at + value.numel()].view(value.shape)
        at += value.numel()
    state["classifier.1.weight"] = state["classifier.1.weight"].t().contiguous().t()
    return state


@case(".pth", legacy=True)
def views_before_1_6(b):
    return views_of_one_storage(b)


@case(".pth")
def half(b):
    return rounded(b, torch.float16)


@case(".ckpt")
def bfloat16(b):
    return {"state_dict": rounded(b, torch.bfloat16)}


@case(".pth")
def double(b):
    """f64 values between those of f32: narrowed as torch does."""
    state = b.torchvision().double().state_dict()
    state = {n: v * (1 + 1e-9) if v.is_floating_point() else v for n, v in state.items()}
    b.net.load_state_dict(state)
    b.net.float()
    return state


@case(".safetensors")
def half_safetensors(b):
    return rounded(b, torch.float16)


@case(".safetensors")
def bfloat16_safetensors(b):
    return rounded(b, torch.bfloat16)


def rounded(b, dtype):
    state = b.torchvision().to(dtype).state_dict()
    b.net.float()
    return state


# ---- names ----


@case(".pth")
def timm_plain(b):
    return b.of(nets.timm()).state_dict()


@case(".safetensors")
def timm_safetensors(b):
    return b.of(nets.timm(), 0.35).state_dict()


@case(".pth")
def timm_050(b):
    return b.of(nets.timm(name="mobilenetv2_050"), 0.5).state_dict()


@case(".safetensors")
def timm_075(b):
    return b.of(nets.timm(name="mobilenetv2_075"), 0.75).state_dict()


@case(".safetensors")
def timm_140(b):
    return b.of(nets.timm(name="mobilenetv2_140"), 1.4).state_dict()


@case(".safetensors")
def timm_without_head(b):
    """num_classes=0: a backbone."""
    return b.of(nets.timm(0)).state_dict()


@case(".safetensors")
def transformers_safetensors(b):
    return b.of(nets.transformers()).state_dict()


@case(".bin", classes=5)
def transformers_bin(b):
    return b.of(nets.transformers(5)).state_dict()


for width, classes in [(0.1, 3), (0.25, 4), (0.35, 3), (0.5, 3)]:

    def flat(b, width=width, classes=classes):
        """The flat names, the last convolution as `conv`."""
        return b.of(nets.Flat(width, classes), width).state_dict()

    CASES.append(Case(f"flat_{width}", flat, ".pth", classes=classes))


@case(".pth")
def flat_with_last_inside(b):
    """The flat names with the last convolution among the features, in DataParallel."""
    return prefixed(b.of(nets.Flat(0.35, 3, inside=True)).state_dict(), "module.")


@case(".pth.tar")
def flat_with_dropout(b):
    net = b.of(nets.Flat(0.35, 3, inside=True, dropout=True))
    return {"state_dict": net.state_dict(), "best_prec1": 0.5}


@case(".pth")
def openmmlab(b):
    net = b.of(nets.OpenMMLab(0.35, 3))
    meta = {"mmcls_version": "0.25.0", "CLASSES": ["a", "b", "c"], "env_info": "x", "seed": 0}
    return {"meta": meta, "state_dict": net.state_dict(), "optimizer": optimizer(net, torch.optim.SGD)}


@case(".pth")
def openmmlab_backbone(b):
    """The backbone alone, as mmpretrain's tools publish it."""
    net = b.of(nets.OpenMMLab(0.35, 3))
    return {"state_dict": {n: v for n, v in net.state_dict().items() if n.startswith("backbone.")}}
