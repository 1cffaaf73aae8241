"""Synthetic pictures for the golden files: a few smooth waves, a disc and a bar with hard edges, and noise.

Not a script: the others import it. The same seed and size give the same bytes, so the pictures need no license and
can be drawn again. needs: numpy
"""

import numpy as np


def picture(height, width, seed):
    """One RGB picture, u8 [height, width, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    y, x = (y + 0.5) / height, (x + 0.5) / width
    channels = []
    for _ in range(3):
        fy, fx, phase = rng.uniform(-2.5, 2.5), rng.uniform(-2.5, 2.5), rng.uniform(0, 2 * np.pi)
        channels.append(128 + 80 * np.sin(2 * np.pi * (fy * y + fx * x) + phase))
    image = np.stack(channels, axis=-1)
    cy, cx, radius = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8), rng.uniform(0.15, 0.35)
    image[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = rng.uniform(0, 255, 3)
    top, left = rng.uniform(0, 0.7, 2)
    image[(y > top) & (y < top + 0.12) & (x > left)] = rng.uniform(0, 255, 3)
    image += rng.normal(0, 12, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def pictures(count, height, width, seed):
    """`count` different pictures, u8 [count, height, width, 3]."""
    return np.stack([picture(height, width, seed + i) for i in range(count)])
