"""What of an image can be shown: any channels, any range of values."""

import numpy as np


class Shown:
    """How one image is shown, and the crops that are cut out of it.

    One channel is shown in grey and three in colour; four are taken for red,
    green, blue and opacity; of any other number the mean is shown. Values
    outside [0, 1] are scaled to it as a whole.

    Args:
        image: (H, W, C), floating, or uint8, which stands for 0-255.

    Attributes:
        raw: The image in float32.
        pixels: (H, W, 3) or (H, W, 4) in [0, 1], as it is shown.
        note: What was changed to show it; empty where nothing was.
    """

    def __init__(self, image: np.ndarray):
        raw = np.nan_to_num(np.asarray(image, "float32"))  # NaN is black
        self.raw = raw / 255 if image.dtype == np.uint8 else raw
        low, high = float(self.raw.min()), float(self.raw.max())
        inside = low >= 0 and high <= 1
        self._range = (0.0, 1.0) if inside else (low, high)
        notes = []
        channels = image.shape[-1]
        if channels == 4:
            notes.append("red, green, blue, opacity")
        elif channels not in (1, 3):
            notes.append(f"mean of {channels} channels")
        if not inside:
            notes.append(f"values {low:.3g} to {high:.3g}")
        self.note = ", ".join(notes)
        self.pixels = self.of(self.raw)

    def of(self, crop: np.ndarray) -> np.ndarray:
        """Shows a crop of `raw` as the whole image is shown."""
        low, high = self._range
        crop = np.clip((crop - low) / max(high - low, 1e-6), 0, 1)
        if crop.shape[-1] in (3, 4):
            return crop
        return np.repeat(crop.mean(axis=-1, keepdims=True), 3, axis=-1)
