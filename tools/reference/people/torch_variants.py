"""Rarer ways in which PyTorch's weights are kept, and look-alikes that are other nets. Not a script: the others import it."""

import pickle
import zipfile

import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune

from . import torch_nets as nets
from .torch_cases import Case, CASES, case, prefixed, refused
from .torch_heads import Renamed
from .torch_objects import optimizer


def head_refused(container, *named, **more):
    """No model comes of it, but the backbone's features do."""
    return case(container, named=named, **({"expect": "refuse", "extract": "open"} | more))


# ---- keys, prefixes, moving averages ----


@case(".pt", protocol=5)
def in_parallel_with_optimizer(b):
    net = b.torchvision()
    state = optimizer(net, torch.optim.AdamW)
    names = [f"module.{name}" for name, _ in net.named_parameters()]
    state["state"] = {name: value for name, value in zip(names, state["state"].values())}
    return {"optimizer": state, "param_names": names, "model": prefixed(net.state_dict(), "module."), "rng": torch.get_rng_state()}


@case(".pt", expect="either", extract="either", named=("ema_model", "online_model"))
def ema_pytorch(b):
    """Both nets in one state dict, with counts of steps."""
    state = prefixed(b.torchvision().state_dict(), "online_model.") | prefixed(b.shifted().state_dict(), "ema_model.")
    return state | {"initted": torch.tensor(True), "step": torch.tensor(100)}


@case(".pth")
def mmengine_ema(b):
    net = b.of(nets.OpenMMLab(0.35, 3))
    ema = prefixed(b.shifted(lambda: nets.OpenMMLab(0.35, 3)).state_dict(), "module.")
    return {"meta": {"epoch": 3}, "state_dict": net.state_dict(), "ema_state_dict": ema | {"steps": torch.tensor(9)}}


@case(".pth", options=("--size", "112", "--ema"))
def mmengine_ema_taken(b):
    net = b.shifted(lambda: nets.OpenMMLab(0.35, 3))
    saved = mmengine_ema(b)
    b.net = net
    return saved


@case(".pth", expect="either", extract="either", named=("ema_",))
def mmcv_ema_hook(b):
    """mmcv's hook keeps averages as buffers of the net, with underscores for dots."""
    net = b.of(nets.OpenMMLab(0.35, 3))
    other = b.shifted(lambda: nets.OpenMMLab(0.35, 3)).state_dict()
    return {"state_dict": net.state_dict() | {"ema_" + n.replace(".", "_"): v for n, v in other.items()}, "meta": {}}


@case(".safetensors", expect="either", extract="either", named=("timm_model",))
def timm_in_transformers(b):
    return prefixed(b.of(nets.timm()).state_dict(), "timm_model.")


@case(".pth", expect="either", extract="either", named=("decoder", "segmentation_head", "encoder"))
def encoder_of_segmentation(b):
    state = prefixed(b.torchvision().state_dict(), "encoder.")
    state = {n: v for n, v in state.items() if "classifier" not in n}
    return state | {"decoder.blocks.0.conv1.0.weight": torch.randn(8, 96, 3, 3), "segmentation_head.0.weight": torch.randn(2, 8, 3, 3),
                    "segmentation_head.0.bias": torch.randn(2)}


@case(".pth", expect="either", extract="either", named=("rpn", "roi_heads", "backbone"))
def detector(b):
    state = prefixed(b.torchvision().features.state_dict(), "backbone.")
    return state | {"rpn.head.conv.0.0.weight": torch.randn(8, 1280, 3, 3), "rpn.head.conv.0.0.bias": torch.randn(8),
                    "roi_heads.box_predictor.cls_score.weight": torch.randn(3, 8), "roi_heads.box_predictor.cls_score.bias": torch.randn(3)}


@refused(".pt", "0", "1", "nets")
def ensemble(b):
    return [b.torchvision().state_dict(), b.shifted().state_dict()]


@case(".pth", expect="either", extract="either", named=("loss_fn", "pos_weight"))
def loss_beside(b):
    return b.torchvision().state_dict() | {"loss_fn.pos_weight": torch.ones(3)}


@case(".pth", expect="either", extract="either", named=("_extra_state",))
def extra_state(b):
    return b.torchvision().state_dict() | {"features.0._extra_state": {"version": 1}, "_extra_state": None}


# ---- how tensors are stored ----


@case(".pth")
def expanded(b):
    """A tensor whose values are one value, repeated by a stride of zero."""
    net = b.torchvision()
    with torch.no_grad():
        net.features[0][1].running_var.fill_(0.7)
    return net.state_dict() | {"features.0.1.running_var": torch.tensor([0.7]).expand(16)}


@case(".pth")
def of_a_gpu(b):
    """Saved on a graphics card."""

    def save(path, state=b.torchvision().state_dict()):
        tag, torch.serialization.location_tag = torch.serialization.location_tag, lambda storage: "cuda:0"
        try:
            torch.save(state, path)
        finally:
            torch.serialization.location_tag = tag

    return save


@case(".pth", expect="either", extract="either", named=("big", "byte order", "byteorder", "endian"))
def big_endian(b):
    """Written on a machine that has the highest byte first; the file says so."""

    def save(path, state=b.torchvision().state_dict()):
        torch.save({n: v.clone() for n, v in state.items() if v.is_floating_point()}, path)
        with zipfile.ZipFile(path) as old:
            entries = [(name, old.read(name)) for name in old.namelist()]
        with zipfile.ZipFile(path, "w") as new:
            for name, data in entries:
                if "/data/" in name:
                    data = np.frombuffer(data, "<f4").astype(">f4").tobytes()
                new.writestr(name, b"big" if name.endswith("byteorder") else data)

    return save


@refused(".pth", "meta")
def on_no_device(b):
    state = b.torchvision().state_dict()
    return state | {"features.0.0.weight": state["features.0.0.weight"].to("meta")}


@case(".pth", expect="either", extract="either", named=("numpy", "pickle"))
def of_numpy(b):
    """Arrays of numpy in place of tensors."""
    return {n: v.numpy() for n, v in b.torchvision().state_dict().items()}


@case(".pkl", expect="either", extract="either", named=("pickle", "torch.save", "_load_from_bytes"))
def plain_pickle(b):
    """`pickle.dump` of a state dict."""
    state = b.torchvision().state_dict()
    return lambda path: path.write_bytes(pickle.dumps(state))


@case(".pkl", expect="either", extract="either", named=("pickle", "numpy", "torch.save"))
def plain_pickle_of_numpy(b):
    state = of_numpy(b)
    return lambda path: path.write_bytes(pickle.dumps(state))


@case(".pth")
def one_tensor_of_doubles(b):
    state = b.torchvision().state_dict()
    return state | {"classifier.1.weight": state["classifier.1.weight"].double()}


@case(".pth")
def halves_but_batchnorm(b):
    """Kernels in halves, BatchNorm in f32, as mixed precision keeps them."""
    net = b.torchvision()
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.half()
    state = {n: v.clone() for n, v in net.state_dict().items()}
    net.float()
    return state


# ---- names and nets ----


@head_refused(".pth", "no head", "no classification top", "no top")
def head_identity(b):
    return b.torchvision(nn.Identity()).state_dict()


@refused(".pth", "fake_quant", "activation_post_process", "quant")
def quantization_aware(b):
    from torch.ao import quantization as q

    net = b.torchvision()
    net.qconfig = q.get_default_qat_qconfig("fbgemm")
    return q.prepare_qat(net.train()).state_dict()


@refused(".pth", "running_mean", "fold", "features.0.1", "bias", "BatchNorm")
def batchnorm_folded(b):
    """Convolutions fused with their BatchNorm."""
    net = b.torchvision()
    state = {}
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    names = dict(net.named_modules())
    for name, module in names.items():
        parent, _, last = name.rpartition(".")
        behind = names.get(f"{parent}.{int(last) + 1}") if last.isdigit() else None
        if isinstance(module, nn.Conv2d) and isinstance(behind, nn.BatchNorm2d):
            state |= prefixed(fuse_conv_bn_eval(module, behind).state_dict(), name + ".")
    return state | prefixed(net.classifier.state_dict(), "classifier.")


@refused(".pth", "weight_orig", "weight_mask", "prun")
def pruned(b):
    net = b.torchvision()
    for module in [m for m in net.modules() if isinstance(m, nn.Conv2d)]:
        prune.l1_unstructured(module, "weight", 0.3)
    return net.state_dict()


@head_refused(".pth", "weight_g", "weight_v", "classifier.1")
def head_old_weight_norm(b):
    net = b.torchvision()
    nn.utils.weight_norm(net.classifier[1])
    return net.state_dict()


@head_refused(".pth", "weight_orig", "weight_u", "classifier.1")
def head_spectral_norm(b):
    net = b.torchvision()
    nn.utils.spectral_norm(net.classifier[1])
    return net.state_dict()


@head_refused(".pth", "classifier.0")
def head_layer_norm(b):
    return b.torchvision(nn.Sequential(nn.LayerNorm(1280), nn.Linear(1280, 3))).state_dict()


@head_refused(".pth", "classifier.1")
def head_prelu(b):
    return b.torchvision(nn.Sequential(nn.Linear(1280, 32), nn.PReLU(), nn.Linear(32, 3))).state_dict()


@head_refused(".pth", "classifier.1")
def head_prelu_of_channels(b):
    return b.torchvision(nn.Sequential(nn.Linear(1280, 32), nn.PReLU(32), nn.Linear(32, 3))).state_dict()


@case(".pth", expect="either", named=("classifier.0",), told=())
def head_batchnorm_without_affine(b):
    return b.torchvision(nn.Sequential(nn.BatchNorm1d(1280, affine=False), nn.Linear(1280, 3))).state_dict()


@head_refused(".pth", "classifier.0")
def head_batchnorm_of_batches(b):
    """Without running statistics it normalizes by the photos beside it."""
    state = b.torchvision(nn.Sequential(nn.BatchNorm1d(1280, track_running_stats=False), nn.Linear(1280, 3))).state_dict()
    b.net = None  # which computes on no photo alone
    return state


@head_refused(".pth", "color", "shape")
def heads_of_two_tasks(b):
    state = {n: v for n, v in b.torchvision().state_dict().items() if "classifier" not in n}
    return state | {"color.weight": torch.randn(3, 1280), "color.bias": torch.randn(3), "shape.weight": torch.randn(3, 1280),
                    "shape.bias": torch.randn(3)}


@head_refused(".pth", "attention")
def attention_beside(b):
    """A gate on the features that no list of layers tells."""
    state = b.torchvision().state_dict()
    return state | {"attention.0.weight": torch.randn(80, 1280), "attention.0.bias": torch.randn(80),
                    "attention.2.weight": torch.randn(1280, 80), "attention.2.bias": torch.randn(1280)}


for name in ("last_linear", "output", "classifier_layer", "dense", "linear", "logits"):

    def renamed(b, name=name):
        return b.of(Renamed(name, nn.Linear(1280, 3))).state_dict()

    CASES.append(Case(f"head_called_{name}", renamed, ".pth"))


@case(".pth", expect="either", extract="either", named=("width", "0.6", "shape"))
def width_of_ones_own(b):
    return b.of(nets.torchvision(width=0.6), 0.6).state_dict()


@case(".safetensors", expect="either", extract="either", named=("conv_1x1", "shape", "448"))
def transformers_narrow_output(b):
    """finegrained_output=False: the last convolution shrinks with the width."""
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    config = MobileNetV2Config(depth_multiplier=0.35, num_labels=3, tf_padding=True, finegrained_output=False)
    return b.of(MobileNetV2ForImageClassification(config), 0.36).state_dict()


@case(".safetensors", expect="either", extract="either", named=("segmentation_head", "decoder"))
def transformers_segmentation(b):
    from transformers import MobileNetV2Config, MobileNetV2ForSemanticSegmentation

    config = MobileNetV2Config(depth_multiplier=0.35, num_labels=3, tf_padding=True, finegrained_output=True)
    return MobileNetV2ForSemanticSegmentation(config).state_dict()


@refused(".pth", "running_mean", "InstanceNorm", "features.0.1")
def instance_norm(b):
    return nets.torchvision(norm_layer=lambda c: nn.InstanceNorm2d(c, affine=True)).state_dict()


@refused(".pth", "deeper", "features", "block", "19")
def one_block_more(b):
    table = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 4, 1], [6, 160, 3, 2], [6, 320, 1, 1]]
    return nets.torchvision(inverted_residual_setting=table).state_dict()


@refused(".pth", "96", "features", "expan", "shape")
def expansion_of_four(b):
    table = [[1, 16, 1, 1], [4, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]]
    return nets.torchvision(inverted_residual_setting=table).state_dict()


@refused(".pth", "features.0.0.weight", "window", "shape", "5")
def stem_of_five(b):
    net = nets.torchvision()
    net.features[0][0] = nn.Conv2d(3, 16, 5, 2, 2, bias=False)
    return net.state_dict()


@refused(".pth", "nan", "NaN")
def not_a_number(b):
    net = b.torchvision()
    with torch.no_grad():
        net.features[3].conv[0][0].weight[0, 0] = float("nan")
    return net.state_dict()
