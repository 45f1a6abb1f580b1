"""Pictures of what a glimpse model looked at.

Figures are made without pyplot, so nothing needs a display or is left open.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_attention import layers, ops

if TYPE_CHECKING:
    import keras
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIRST, LAST = "#ffd23f", "#ee4266"  # colours of the first and last glimpse


def glimpse_paths(
    images: np.ndarray,
    locations: np.ndarray,
    glimpse_size: int,
    num_scales: int,
    titles: Sequence[str],
) -> Figure:
    """Draws, a row for each image, where a model looked and what it saw.

    On the left the image with the path of the glimpses, numbered, and the
    squares of the finest scale; on the right what the sensor saw at every
    step, the finest scale on top.

    Args:
        images: (N, H, W, C) in [0, 1], with 1 or 3 channels.
        locations: (N, T, 2), (x, y) in [-1, 1].
        glimpse_size: Side of the crops.
        num_scales: Number of crops in a glimpse.
        titles: N lines of text.

    Returns:
        The figure.

    Raises:
        ValueError: If the arrays do not fit together.
    """
    from matplotlib.figure import Figure

    images = np.asarray(images, "float32")
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            "`images` must have the shape (N, H, W, 1) or (N, H, W, 3). "
            f"Received: images.shape={images.shape}"
        )
    num_images, num_glimpses = locations.shape[:2]
    if not len(images) == num_images == len(titles):
        raise ValueError(
            "`images`, `locations` and `titles` must be of one length. "
            f"Received: {len(images)}, {num_images}, {len(titles)}"
        )
    figure = Figure(
        figsize=(3.4 + 0.9 * num_glimpses, 3.2 * num_images), dpi=100
    )
    rows = figure.add_gridspec(num_images, 1, hspace=0.2)
    for i in range(num_images):
        widths = [3.2] + [0.9] * num_glimpses
        grid = rows[i].subgridspec(
            num_scales, 1 + num_glimpses, width_ratios=widths, hspace=0.05
        )
        axes = figure.add_subplot(grid[:, 0])
        _draw_path(axes, images[i], locations[i], glimpse_size)
        axes.set_title(titles[i], fontsize=11, loc="left")
        for t in range(num_glimpses):
            crops = _crops(images[i], locations[i, t], glimpse_size, num_scales)
            for k, crop in enumerate(crops):
                axes = figure.add_subplot(grid[k, 1 + t])
                _show(axes, crop)
                for side in axes.spines.values():
                    side.set_color(_colour(t, num_glimpses))
                if k == 0:
                    axes.set_title(f"{t + 1}", fontsize=9)
    return figure


def glimpse_geometry(model: keras.Model) -> dict[str, int]:
    """The size and the number of scales of the glimpses of a model.

    Raises:
        ValueError: If the model takes no glimpses.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, layers.GlimpseSensor):
            return {
                "glimpse_size": layer.glimpse_size,
                "num_scales": layer.num_scales,
            }
    raise ValueError(f"The model takes no glimpses. Received: {model.name}")


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()


def _draw_path(
    axes: Axes, image: np.ndarray, locations: np.ndarray, glimpse_size: int
) -> None:
    from matplotlib.patches import Rectangle

    _show(axes, image)
    height, width = image.shape[:2]
    x = (locations[:, 0] + 1) / 2 * (width - 1)
    y = (locations[:, 1] + 1) / 2 * (height - 1)
    axes.plot(x, y, color="white", linewidth=1, alpha=0.7)
    for t in range(len(locations)):
        colour = _colour(t, len(locations))
        corner = x[t] - glimpse_size / 2, y[t] - glimpse_size / 2
        axes.add_patch(
            Rectangle(
                corner, glimpse_size, glimpse_size, fill=False, color=colour
            )
        )
        axes.text(
            *corner,
            f"{t + 1}",
            color="black",
            fontsize=7,
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 1},
        )


def _show(axes: Axes, image: np.ndarray) -> None:
    image = image[..., 0] if image.shape[-1] == 1 else image
    axes.imshow(image, cmap="gray", vmin=0, vmax=1)
    axes.set_xticks([])
    axes.set_yticks([])


def _crops(
    image: np.ndarray, location: np.ndarray, size: int, num_scales: int
) -> list[np.ndarray]:
    crops = ops.glimpse(
        image[None], location[None], size, num_scales, "nearest"
    )
    return np.split(np.asarray(crops[0]), num_scales, axis=-1)


def _colour(step: int, num_steps: int) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    done = step / max(num_steps - 1, 1)
    mixed = (1 - done) * np.array(to_rgb(FIRST)) + done * np.array(to_rgb(LAST))
    return tuple(mixed)
