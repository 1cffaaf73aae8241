"""The options of a training, as texts by the names that a model's metadata have for them."""

from __future__ import annotations

from typing import Any, Union

import numpy as np

Number = Union[int, float]

_SOLVES = "no use for it: it solves the head in one go, on all photos at once"
_IDLE = {
    "early_stop": "no epoch to stop at: it goes to the minimum by itself",
    "warmup": "no learning rate to warm up: it goes to the minimum by itself",
    "hidden": "one dense layer to solve",
}
_OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop", "lbfgs")


def whole(name: str, value: Any, least: int, most: int) -> str:
    """A whole number in a range."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: use a whole number, and not {value!r}")
    if not least <= value <= most:
        raise ValueError(f"{name}: {value} is not from {least} to {most}")
    return str(int(value))


def number(name: str, value: Any, allowed: str) -> str:
    """A number of single precision with all its digits; ``allowed`` is ``"> 0"``, ``">= 0"`` or ``"[0, 1)"``."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: use a number, and not {value!r}")
    with np.errstate(over="ignore"):
        single = np.float32(value)
    fits = {"> 0": single > 0, ">= 0": single >= 0, "[0, 1)": 0 <= single < 1}[allowed]
    if not (fits and np.isfinite(single)):
        raise ValueError(f"{name}: {value} is not {allowed if allowed.startswith('[') else 'a number ' + allowed}")
    return str(single)


def head(given: dict[str, Any]) -> dict[str, str]:
    """The texts of what is given; what is ``None`` has its default."""
    given = {name: value for name, value in given.items() if value is not None}
    optimizer = given.get("optimizer", "adam")
    if optimizer not in _OPTIMIZERS:
        raise ValueError(f"optimizer: {optimizer!r} is none; use one of {', '.join(_OPTIMIZERS)}")
    if optimizer == "lbfgs":
        for name in ("early_stop", "lr", "warmup", "epochs", "batch", "dropout", "hidden", "schedule"):
            if name in given:
                raise ValueError(
                    f"{name}: optimizer='lbfgs' has {_IDLE.get(name, _SOLVES)}; leave it out, or take another optimizer"
                )
    if "unfreeze" not in given:
        for name in given:
            if name.startswith("tune_") or name == "freeze_norm":
                raise ValueError(f"{name}: is about fine-tuning; say unfreeze, too")
    texts = {}
    for name, value in given.items():
        key, text = _text(name, value)
        texts[key] = text
    return texts


def _text(name: str, value: Any) -> tuple[str, str]:
    if name in ("epochs", "l2") and value == "auto":
        return name, "auto"
    if name == "lr":
        return "learning_rate", "find" if value == "find" else number(name, value, "> 0")
    if name == "tune_lr":
        return name, number(name, value, "> 0")
    if name in ("l2", "tune_warmup"):
        return name, number(name, value, ">= 0")
    if name in ("dropout", "label_smoothing"):
        return name, number(name, value, "[0, 1)")
    if name == "freeze_norm":
        return "tune_norms", "frozen" if value else "trained"
    if name in _WHOLE:
        key, least, most = _WHOLE[name]
        return key, whole(name, value, least, most)
    if not isinstance(value, str):
        raise TypeError(f"{name}: use a word, and not {value!r}")
    return name, value


_WHOLE = {
    "epochs": ("epochs", 1, 1_000_000),
    "warmup": ("warmup", 0, 1_000_000),
    "batch": ("batch", 1, 2**32 - 1),
    "hidden": ("hidden", 1, 4096),
    "early_stop": ("early_stopping", 1, 1_000_000),
    "seed": ("seed", 0, 2**63 - 1),
    "tune_epochs": ("tune_epochs", 1, 10_000),
    "tune_batch": ("tune_batch", 1, 1024),
    "tune_early_stop": ("tune_early_stop", 1, 1_000_000),
}
