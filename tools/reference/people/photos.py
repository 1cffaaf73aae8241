"""Photos drawn by numbers: soft noise of three scales with some ellipses, the same bytes on every machine.

Not a script: the others import it. needs: numpy, pillow
"""

import numpy as np
from PIL import Image


def draw(height, width, seed):
    """u8 pixels [height, width, 3] of a picture with edges, gradients and grain."""
    rng = np.random.default_rng([seed, height, width])
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    y, x = y / height, x / width
    picture = np.zeros((height, width, 3))
    for waves, strength in [(2, 70), (5, 35), (13, 18)]:
        for channel in range(3):
            angle, phase = rng.uniform(0, 2 * np.pi, 2)
            picture[..., channel] += strength * np.sin(
                2 * np.pi * waves * (np.cos(angle) * x + np.sin(angle) * y) + phase
            )
    for _ in range(7):
        cy, cx, ry, rx = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.05, 0.3), rng.uniform(0.05, 0.3)
        inside = ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1
        picture[inside] = 0.4 * picture[inside] + rng.uniform(-110, 110, 3)
    picture += rng.normal(0, 6, picture.shape)
    return np.clip(np.rint(picture + 120), 0, 255).astype(np.uint8)


class Album:
    """Photos of asked sizes, written once each into a folder."""

    def __init__(self, folder):
        self.folder = folder / "photos"
        self.folder.mkdir(parents=True, exist_ok=True)

    def photo(self, size, seed):
        """The path, relative to the album's parent, and the pixels of photo `seed` in a size."""
        height, width = size
        pixels = draw(height, width, seed)
        path = self.folder / f"{height}x{width}_{seed}.png"
        if not path.exists():
            Image.fromarray(pixels).save(path)
        return f"photos/{path.name}", pixels
