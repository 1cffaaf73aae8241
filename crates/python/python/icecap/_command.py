"""The command that does the same as a call: a page tells it to whoever wants to do the run again."""

from __future__ import annotations

import os
from collections.abc import Mapping

# What no command takes, and what stands in its first place.
_APART = ("data", "labels", "backbone", "progress")
# Options without a value, by what they say no or yes to.
_FLAGS = {"strict": True, "freeze_norm": True, "ema": True, "cache": False}
# What every training has unless it is asked for another.
_DEFAULTS = {"seed": 0, "threads": 0}


def words(given: Mapping[str, object]) -> list[str]:
    """The words of ``icecap train`` for a call of ``train`` with a folder, an archive or a list."""
    words = ["icecap", "train", _text(given["data"])]
    for name, value in given.items():
        if name in _FLAGS:
            if value is not None and bool(value) == _FLAGS[name]:
                words.append(_option(name if value else f"no_{name}"))
        elif name not in _APART and value is not None and value != _DEFAULTS.get(name):
            text = _text(value)
            # A value with a dash in front is taken for an option if it stands alone.
            words += [f"{_option(name)}={text}"] if text.startswith("-") else [_option(name), text]
    return words


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _text(value: object) -> str:
    if isinstance(value, (str, os.PathLike)):
        return os.fsdecode(value)
    if isinstance(value, (tuple, list)):
        return "x".join(str(part) for part in value)
    return str(value)
