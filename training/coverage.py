"""How much of what matters lies in what was looked at.

An object is a box, or a mask with a weight for every pixel. Of a region, such
as a crop, the measures are

    share   = area(object and region) / area(object)
    overlap = area(object and region) / area(object or region)

the second the intersection over union (IoU). Of attention that is spread over
cells, such as a soft mask, it is the share of the attention that lies on the
object:

    share = sum_cells weight * area(object and cell) / area(cell)

For a mask area(.) adds up its weights, its largest being 1.

Convention: regions are in pixels, the pixel in column p from p - 1/2 to p + 1/2
(see `training.looked`).
"""

from dataclasses import dataclass

import numpy as np

from .examples import Examples
from .pixels import to_pixels, to_places

# Along each side of a box, where it is compared with a crop that is turned.
POINTS = 16
# Images at a time, where every pixel is compared.
CHUNK = 500


@dataclass(frozen=True, eq=False)
class Objects:
    """Where one object is in each image.

    Attributes:
        boxes: (N, 4), x_min, y_min, x_max, y_max, the edges of the boxes (of
            masks: of what is positive) inside the image, in pixels.
        masks: (N, H, W) with 1 as the largest of each, or None.
        image_shape: (H, W).
    """

    boxes: np.ndarray
    masks: np.ndarray | None
    image_shape: tuple[int, int]

    @classmethod
    def of(cls, examples: Examples) -> list["Objects"]:
        """The objects of examples that have boxes or masks.

        Returns:
            For each of the objects in an image where it is in every image.
        """
        height, width = shape = examples.images.shape[1:3]
        if examples.masks is not None:
            masks = examples.masks.astype("float32")
            masks /= masks.max(axis=(1, 2), keepdims=True)
            return [cls(_boxes_of(masks), masks, shape)]
        corners = to_pixels(
            examples.boxes.reshape(len(examples.labels), -1, 2, 2), shape
        )
        boxes = corners + np.array([[-0.5], [0.5]])  # (N, M, 2, 2)
        boxes = np.clip(boxes, -0.5, np.array([width, height]) - 0.5)
        boxes = boxes.reshape(len(boxes), -1, 4)
        return [cls(boxes[:, i], None, shape) for i in range(boxes.shape[1])]

    def take(self, indices: np.ndarray) -> "Objects":
        """Some of them."""
        masks = None if self.masks is None else self.masks[indices]
        return Objects(self.boxes[indices], masks, self.image_shape)

    @property
    def sizes(self) -> np.ndarray:
        """Width and height of the boxes, (N, 2)."""
        return self.boxes[:, 2:] - self.boxes[:, :2]

    @property
    def areas(self) -> np.ndarray:
        """(N,) in pixels."""
        if self.masks is not None:
            return self.masks.sum(axis=(1, 2), dtype="float64")
        return self.sizes.prod(axis=1)

    @property
    def centres(self) -> np.ndarray:
        """Of the boxes, as locations (x, y) in [-1, 1]: (N, 2)."""
        middle = (self.boxes[:, :2] + self.boxes[:, 2:]) / 2
        return np.clip(to_places(middle, self.image_shape), -1, 1)

    @property
    def normalised(self) -> np.ndarray:
        """The boxes as those of `Examples`, in [-1, 1]: (N, 4)."""
        inside = np.array([[0.5], [-0.5]])  # from edges to centres of pixels
        corners = self.boxes.reshape(-1, 2, 2) + inside
        return to_places(corners, self.image_shape).reshape(-1, 4)

    def in_rectangles(self, rectangles: np.ndarray) -> np.ndarray:
        """Area of the objects in (N, ..., 4) rectangles: (N, ...)."""
        if self.masks is None:
            boxes = _expand(self.boxes, rectangles.ndim)
            first = np.maximum(boxes[..., :2], rectangles[..., :2])
            last = np.minimum(boxes[..., 2:], rectangles[..., 2:])
            return np.maximum(last - first, 0).prod(axis=-1)
        flat = rectangles.reshape(len(rectangles), -1, 4)
        height, width = self.image_shape
        columns = _inside(flat[..., 0], flat[..., 2], width)
        rows = _inside(flat[..., 1], flat[..., 3], height)
        areas = np.einsum("nrh,nhw,nrw->nr", rows, self.masks, columns)
        return areas.reshape(rectangles.shape[:-1])

    def in_polygons(self, polygons: np.ndarray) -> np.ndarray:
        """Area of the objects in (N, R, P, 2) polygons: (N, R).

        Counted on the pixels of a mask, or on `POINTS` x `POINTS` points of
        a box.
        """
        areas = []
        for start in range(0, len(polygons), CHUNK):
            rows = slice(start, start + CHUNK)
            points, weights = self.take(rows)._points()
            inside = np.stack(
                [
                    _in_polygon(points, polygons[rows, i])
                    for i in range(polygons.shape[1])
                ],
                axis=1,
            )  # (n, R, points)
            areas.append(np.einsum("nrp,np->nr", inside, weights))
        return np.concatenate(areas)

    def on_cells(self, rows: int, columns: int) -> np.ndarray:
        """The share of each cell of a map that objects cover.

        Returns:
            (N, rows, columns).
        """
        height, width = self.image_shape
        y = np.linspace(-0.5, height - 0.5, rows + 1)
        x = np.linspace(-0.5, width - 0.5, columns + 1)
        cell = height / rows * width / columns
        if self.masks is not None:
            of_rows = _inside(y[:-1], y[1:], height)
            of_columns = _inside(x[:-1], x[1:], width)
            return of_rows @ self.masks @ of_columns.T / cell
        x_min, y_min, x_max, y_max = self.boxes.T[..., None]
        of_rows = np.minimum(y_max, y[1:]) - np.maximum(y_min, y[:-1])
        of_columns = np.minimum(x_max, x[1:]) - np.maximum(x_min, x[:-1])
        of_rows, of_columns = np.maximum(of_rows, 0), np.maximum(of_columns, 0)
        return of_rows[:, :, None] * of_columns[:, None] / cell

    def best_share(self, width: float, height: float) -> np.ndarray:
        """The largest share of each object that a crop of a size can hold."""
        if self.masks is None:
            return np.minimum([width, height], self.sizes).prod(1) / self.areas
        # All crops whose middle is the middle of a pixel, or between two.
        rows, columns = self.image_shape
        x = np.arange(-0.5, columns, 0.5) - width / 2
        y = np.arange(-0.5, rows, 0.5) - height / 2
        of_columns = _inside(x, x + width, columns)
        of_rows = _inside(y, y + height, rows)
        best = [(of_rows @ mask @ of_columns.T).max() for mask in self.masks]
        return np.array(best) / self.areas

    def _points(self) -> tuple[np.ndarray, np.ndarray]:
        """Points of the objects (N, P, 2), and the area of each (N, P)."""
        count = len(self.boxes)
        if self.masks is not None:
            height, width = self.image_shape
            pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)))
            points = pixels.reshape(2, -1).T[None].astype("float64")
            points = np.broadcast_to(points, (count, *points.shape[1:]))
            return points, self.masks.reshape(count, -1)
        steps = (np.arange(POINTS) + 0.5) / POINTS
        steps = np.stack(np.meshgrid(steps, steps)).reshape(2, -1).T
        points = self.boxes[:, None, :2] + steps * self.sizes[:, None]
        weights = np.repeat(self.areas[:, None] / len(steps), len(steps), 1)
        return points, weights


def polygon_areas(polygons: np.ndarray) -> np.ndarray:
    """Areas of (..., P, 2) polygons, by the shoelace formula: (...)."""
    x, y = polygons[..., 0], polygons[..., 1]
    after_x, after_y = np.roll(x, -1, axis=-1), np.roll(y, -1, axis=-1)
    return np.abs((x * after_y - after_x * y).sum(axis=-1)) / 2


def overlap(
    common: np.ndarray, of_objects: np.ndarray, of_regions: np.ndarray
) -> np.ndarray:
    """Intersection over union, from the areas; 0 where both are nothing."""
    union = of_objects + of_regions - common
    return common / np.where(union > 0, union, 1)


def _inside(first: np.ndarray, last: np.ndarray, size: int) -> np.ndarray:
    """How much of each of `size` pixels lies in intervals: (..., size)."""
    pixels = np.arange(size)
    after = np.minimum(last[..., None], pixels + 0.5)
    before = np.maximum(first[..., None], pixels - 0.5)
    return np.maximum(after - before, 0).astype("float32")


def _in_polygon(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Whether (n, p, 2) points lie in (n, P, 2) polygons: (n, p).

    A ray from the point to the right crosses the border an odd number of
    times.
    """
    x, y = points[..., 0], points[..., 1]
    inside = np.zeros(x.shape, bool)
    ends = np.roll(polygon, -1, axis=1)
    for i in range(polygon.shape[1]):
        (x0, y0), (x1, y1) = polygon[:, i].T[..., None], ends[:, i].T[..., None]
        crosses = (y0 > y) != (y1 > y)
        height = np.where(y1 == y0, 1, y1 - y0)
        inside ^= crosses & (x < x0 + (y - y0) / height * (x1 - x0))
    return inside


def _boxes_of(masks: np.ndarray) -> np.ndarray:
    """Edges of what is positive, in pixels: (N, 4)."""
    edges = []
    for axis in (1, 2):  # along x, then along y
        seen = masks.max(axis=axis) > 0
        first = seen.argmax(axis=1) - 0.5
        last = seen.shape[1] - seen[:, ::-1].argmax(axis=1) - 0.5
        edges.append((first, last))
    (x_min, x_max), (y_min, y_max) = edges
    return np.stack([x_min, y_min, x_max, y_max], axis=1)


def _expand(values: np.ndarray, rank: int) -> np.ndarray:
    return values.reshape(len(values), *[1] * (rank - 2), values.shape[-1])
