"""What stands beside the weights in people's checkpoints: settings, numbers, dates, and objects of classes unknown here.

Not a script: the others import it. needs: torch, numpy
"""

import argparse
import collections
import datetime
import decimal
import enum
import functools
import pathlib
import random
import sys
import types
import uuid

import numpy as np
import torch


def foreign(module, name, bases=(object,), **members):
    """A class of a package that the reader of the file does not have; it pickles by its name."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:end]), types.ModuleType(".".join(parts[:end])))
    kind = type(name, bases, members | {"__module__": module, "__qualname__": name})
    setattr(sys.modules[module], name, kind)
    return kind


class Phase(enum.Enum):
    TRAIN = "train"


Phase.__module__ = "trainer.phases"
foreign("trainer.phases", "Unused")
sys.modules["trainer.phases"].Phase = Phase


def settings():
    return argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("/data/flowers"), milestones=[30, 60], resume=None,
                              started=datetime.datetime(2026, 3, 1, 12, 30), device=torch.device("cpu"))


def of_all_kinds():
    """A checkpoint's other entries, of as many types as trainers leave."""
    point = foreign("trainer.config", "Config")()
    point.classes, point.size = ["a", "b"], (112, 112)
    slotted = foreign("trainer.config", "Slotted", __slots__=("x",))()
    slotted.x = 3
    history = foreign("trainer.config", "History", (list,))([1.0, 0.5])
    table = foreign("trainer.config", "Table", (dict,))(best=3)
    return {
        "args": settings(), "phase": Phase.TRAIN, "config": point, "slotted": slotted, "history": history,
        "table": table, "when": datetime.date(2026, 3, 1), "took": datetime.timedelta(seconds=4.5),
        "zone": datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc), "money": decimal.Decimal("0.1"),
        "id": uuid.UUID(int=7), "names": {"a", "b"}, "frozen": frozenset([1]), "complex": 1 + 2j, "bytes": b"\x00\xff",
        "array": bytearray(b"abc"), "range": range(3), "slice": slice(1, 2), "counter": collections.Counter("aab"),
        "default": collections.defaultdict(list, a=[1]), "queue": collections.deque([1, 2], maxlen=4),
        "best": np.float64(0.93), "step": np.int64(12), "flag": np.bool_(True), "matrix": np.eye(3),
        "words": np.array(["cat", "dog"]), "objects": np.array([None, "x"], dtype=object),
        "numpy_state": np.random.default_rng(1).bit_generator.state, "old_state": np.random.RandomState(1).get_state(),
        "python_state": random.Random(1).getstate(), "torch_state": torch.get_rng_state(), "size": torch.Size([1, 2]),
        "dtype": torch.float16, "function": np.mean, "partial": functools.partial(max, 1), "class": datetime.date,
        "big": 1 << 200, "negative": -(1 << 70), "none": None, "loss": torch.tensor(0.25), "empty": torch.empty(0),
        "confusion": torch.eye(3, dtype=torch.int64), "mask": torch.tensor([True, False]),
    }


def optimizer(net, kind):
    """The state of an optimizer that has taken a step: tensors of the same shapes as the weights, by number."""
    made = kind(net.parameters(), lr=0.0)
    net.train()
    for module in net.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
    net(torch.zeros(2, 3, 64, 64)).sum().backward()
    made.step()
    net.eval()
    return made.state_dict()
