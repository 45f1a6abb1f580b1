"""Writes `torch_vectors.npz`: what PyTorch's samplers answer.

Needs torch; run `python tests/ops/make_torch_vectors.py` when a case is added.
The file has `grid_sample/SHAPE/{images,grid,upstream}`, the answers
`grid_sample/SHAPE/OPTIONS/{values,images_gradient,grid_gradient}`, and
`affine_grid/CASE/{theta,size,align_corners,expected}`. Everything is channels
last, `size` is (B, H', W').
"""

import itertools
import pathlib

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812, as everybody calls it

PATH = pathlib.Path(__file__).with_name("torch_vectors.npz")
# (B, H, W, C), and the height and width of the output.
SHAPES = {
    "wide": ((6, 5, 7, 3), (4, 6)),
    "tall": ((6, 9, 4, 1), (5, 5)),
    "one_row": ((6, 1, 6, 2), (3, 4)),
    "one_column": ((6, 5, 1, 1), (4, 3)),
    "one_pixel": ((6, 1, 1, 2), (2, 3)),
}
OPTIONS = {
    f"{interpolation}/{padding}/{align_corners}": {
        "mode": interpolation,
        "padding_mode": padding,
        "align_corners": align_corners,
    }
    for interpolation, padding, align_corners in itertools.product(
        ("bilinear", "nearest"),
        ("zeros", "border", "reflection"),
        (True, False),
    )
}


def thetas(generator):
    """Three random maps; everything from one point; far outside; no change."""
    theta = generator.normal(0, 0.7, (6, 2, 3))
    theta[3] = 0
    theta[4] *= 40
    theta[5] = np.eye(2, 3)
    return theta.astype("float32")


def channels_first(array):
    return torch.tensor(array.transpose(0, 3, 1, 2).copy())


def channels_last(tensor):
    return tensor.detach().numpy().transpose(0, 2, 3, 1)


def grid_sample(images, grid, upstream, **options):
    """Values and gradients, for arrays that are channels last."""
    images = channels_first(images).requires_grad_()
    grid = torch.tensor(grid).requires_grad_()
    values = F.grid_sample(images, grid, **options)
    values.backward(channels_first(upstream))
    return {
        "values": channels_last(values),
        "images_gradient": channels_last(images.grad),
        "grid_gradient": grid.grad.numpy(),
    }


def grid_sample_vectors(generator):
    vectors = {}
    for name, (shape, output_shape) in SHAPES.items():
        theta = torch.tensor(thetas(generator))
        size = (shape[0], shape[3], *output_shape)
        inputs = {
            "images": generator.random(shape, "float32"),
            "grid": F.affine_grid(theta, size, align_corners=True).numpy(),
            "upstream": generator.random(
                (shape[0], *output_shape, shape[3]), "float32"
            ),
        }
        answers = {
            f"{options}/{kind}": array
            for options, arguments in OPTIONS.items()
            for kind, array in grid_sample(**inputs, **arguments).items()
        }
        for key, array in (inputs | answers).items():
            vectors[f"grid_sample/{name}/{key}"] = array
    return vectors


def affine_grid_vectors(generator):
    vectors = {}
    cases = itertools.product([(4, 6), (5, 5), (1, 3), (3, 1)], (True, False))
    for (height, width), align_corners in cases:
        theta = thetas(generator)
        size = (len(theta), height, width)
        expected = F.affine_grid(
            torch.tensor(theta),
            (len(theta), 1, height, width),
            align_corners=align_corners,
        )
        case = {
            "theta": theta,
            "size": np.array(size),
            "align_corners": np.array(align_corners),
            "expected": expected.numpy(),
        }
        name = f"{height}x{width}-{align_corners}"
        for key, array in case.items():
            vectors[f"affine_grid/{name}/{key}"] = array
    return vectors


def main():
    generator = np.random.default_rng(0)
    vectors = grid_sample_vectors(generator) | affine_grid_vectors(generator)
    np.savez_compressed(PATH, **vectors)
    size = PATH.stat().st_size
    print(f"{PATH}: {len(vectors)} arrays, {size:,} bytes, {torch.__version__}")


if __name__ == "__main__":
    main()
