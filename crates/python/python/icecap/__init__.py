"""Transfer learning on CPUs: a small trainable head on a frozen MobileNetV2.

>>> import icecap
>>> classifier = icecap.Classifier.open("icecap-run/model.safetensors")  # doctest: +SKIP
>>> classifier.predict("photo.jpg")[0]["label"]  # doctest: +SKIP
'bee'

Photos are paths, bytes, files, images of Pillow or arrays of uint8 [H, W, 3], in any mixture. The interpreter's lock is
released while they are worked on, and results have the same bits for any number of threads and any batch: those of the
program ``icecap``.
"""

import atexit as _atexit
import os as _os

from . import _icecap
from ._backbone import Backbone
from ._classifier import Choice, Classifier, Row
from ._icecap import LimitError, __version__
from ._photos import Photo, Photos
from ._training import Finding, Progress, Run, check, train

__all__ = [
    "Backbone",
    "Choice",
    "Classifier",
    "Finding",
    "LimitError",
    "Photo",
    "Photos",
    "Progress",
    "Row",
    "Run",
    "__version__",
    "check",
    "train",
]

# A thread that is at work when the interpreter ends is waited for.
_atexit.register(_icecap.close)
if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(after_in_child=_icecap.forked)
