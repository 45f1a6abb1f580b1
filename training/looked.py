"""What a model looked at, whatever the kind of its attention.

Four kinds cover every attention layer of the package:

    "glimpses"     crops around locations         `Looked.squares`
    "mask"         weights over a feature map     `Looked.masks`
    "items"        weights over items, or chosen  `Looked.masks`
    "transformer"  crops that are turned or bent  `Looked.outlines`

Convention: regions are in pixels of the image, (x, y), and the pixel in
column p covers x from p - 1/2 to p + 1/2: the image runs from -1/2 to
width - 1/2. A map is taken to cover the image, each of its places a cell.
"""

import dataclasses

import numpy as np

from keras_attention.ops import regions

from .pixels import to_pixels

# What is kept of what a layer recorded.
KEPT = (
    "location",
    "location_mean",
    "attention_weights",
    "indices",
    "theta",
    "entropy",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Looked:
    """What a model said about images, and what it looked at.

    Attributes:
        kind: `"glimpses"`, `"mask"`, `"items"` or `"transformer"`.
        layer: Name of the attention layer.
        image_shape: (height, width) of the images.
        scores: (N, K) scores of classes; (N, T, K) of a model that gives them
            after every step.
        attention: What the layer attended to, a dict of arrays (N, T, ...).
            T is 1 for a layer that is not in a loop.
        geometry: What it takes to say where that is. For glimpses
            `glimpse_size`, `num_scales`, `interpolation`, `fill_value` and
            `map_shape`, the size (rows, columns) of what the sensor reads,
            mostly the image; for a mask `map_shape`; for items `item_grid`,
            (rows, columns) or None, and `never_twice`, whether a loop chooses
            none again; for a transformer `output_shape`, `transform`,
            `align_corners`, `num_transforms`, `antialias`, `interpolation`,
            `padding` and `fill_value`.
    """

    kind: str
    layer: str
    image_shape: tuple[int, int]
    scores: np.ndarray
    attention: dict[str, np.ndarray]
    geometry: dict

    @property
    def num_steps(self) -> int:
        """T, the number of times the layer looked."""
        return next(iter(self.attention.values())).shape[1]

    @property
    def final_scores(self) -> np.ndarray:
        """(N, K) scores after the last step."""
        return self.scores if self.scores.ndim == 2 else self.scores[:, -1]

    def take(self, indices: np.ndarray) -> "Looked":
        """The same of some of the images."""
        return dataclasses.replace(
            self,
            scores=self.scores[indices],
            attention={
                name: value[indices] for name, value in self.attention.items()
            },
        )

    def attending(self, attention: dict[str, np.ndarray]) -> "Looked":
        """The same, had the layer attended to something else."""
        return dataclasses.replace(self, attention=attention)

    def squares(self, scale: int = 0) -> np.ndarray:
        """The crops of glimpses: (N, T, 4), x_min, y_min, x_max, y_max.

        Args:
            scale: 0 for the finest; each covers twice the side of the one
                before.

        Raises:
            ValueError: If the model takes no glimpses.
        """
        self._check_kind("squares", "glimpses")
        squares = regions.glimpse_squares(
            self.attention["location"].astype("float64"),
            self.geometry["glimpse_size"],
            scale + 1,
            self.geometry["map_shape"],
            self.image_shape,
        )
        return squares[..., scale, :].numpy()

    def masks(self) -> np.ndarray:
        """Weights over the cells of the image: (N, T, rows, columns).

        Of soft attention its weights; of chosen items 1 / k for each of the k
        chosen ones. They sum to 1, or less where items were missing.

        Raises:
            ValueError: If the layer looks at no map, or it is not known where
                the items lie.
        """
        self._check_kind("masks", "mask", "items")
        weights = self.attention.get("attention_weights")
        if self.kind == "mask":
            return weights
        grid = self.geometry["item_grid"]
        if grid is None:
            raise ValueError(
                f"The layer {self.layer!r} attends to items: say where they "
                "lie, `item_grid=(rows, columns)`. Received: item_grid=None"
            )
        if "indices" in self.attention:
            indices = self.attention["indices"]  # (N, T, k)
            chosen = indices[..., None] == np.arange(grid[0] * grid[1])
            weights = chosen.mean(axis=2, dtype="float32")
        return weights.reshape(*weights.shape[:2], *grid)

    def outlines(self) -> np.ndarray:
        """The borders of crops, as polygons: (N, T, n, P, 2) of (x, y).

        P is 4, the corners from the top left on, clockwise in the crop; of a
        thin plate spline there are points between them.

        Raises:
            ValueError: If the layer is no spatial transformer.
        """
        self._check_kind("outlines", "transformer")
        theta = self.attention["theta"]  # (N, T, n, ...)
        transform = self.geometry["transform"]
        borders = regions.outlines(
            theta.reshape(-1, *theta.shape[3:]), transform
        )
        pixels = to_pixels(
            borders.numpy(), self.image_shape, self.geometry["align_corners"]
        )
        return pixels.reshape(*theta.shape[:3], -1, 2)

    def _check_kind(self, what: str, *kinds: str) -> None:
        if self.kind not in kinds:
            raise ValueError(
                f"Only attention of the kind {' or '.join(kinds)} has {what}. "
                f"Received: kind={self.kind!r}, layer={self.layer!r}"
            )
