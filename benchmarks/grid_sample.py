"""Speed of `grid_sample` beside PyTorch's and Keras's `map_coordinates`.

Run `python benchmarks/grid_sample.py`; it needs torch. All run in turns on
the same data, as many threads each, with a gradient to nothing, to the grid,
and to images and grid. A row is a way to run this package's function: in a
TensorFlow graph, compiled alone and called from a graph, or in a function
compiled as a whole. `call` is the time of one call; the other figures are the
medians, over the rounds, of how often the other's time goes into this one's,
above 1 if this one is faster. CPU time is that of all threads together.

On a busy machine use `--threads 1`: PyTorch's threads wait for each other,
and for small images that is then most of its time.

`map_coordinates` is given the coordinates of all four axes: it knows no
batch. PyTorch gets contiguous images with the channels first.
"""

import argparse
import functools
import os
import statistics
import sys
import time
import typing

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from keras_attention import ops

try:
    import torch
except ImportError:
    sys.exit("This benchmark compares with PyTorch: pip install torch")

# Shape of the images, height and width of the output.
CASES = [((64, 60, 60, 1), (28, 28)), ((32, 224, 224, 3), (112, 112))]
GRADIENTS = {"none": (), "grid": (1,), "images and grid": (0, 1)}
# A measurement repeats a call for so long.
SECONDS = 0.06


class Times(typing.NamedTuple):
    """Seconds of one call."""

    cpu: float
    wall: float


def inputs(shape, output_shape):
    """Images, a grid of rotations that stay mostly inside, a gradient."""
    generator = np.random.default_rng(0)
    angle = generator.uniform(-0.5, 0.5, shape[0])
    scale = generator.uniform(0.6, 1.0, shape[0])
    shift = generator.uniform(-0.2, 0.2, (shape[0], 1, 1, 2))
    turn = np.array([[np.cos(angle), np.sin(angle)]])
    turn = np.stack([turn[0], [-turn[0, 1], turn[0, 0]]]) * scale
    axes = [np.linspace(-1, 1, size) for size in output_shape[::-1]]
    points = np.stack(np.meshgrid(*axes), axis=-1)
    grid = np.einsum("ijb,hwj->bhwi", turn, points) + shift
    upstream = generator.random((*grid.shape[:3], shape[3]))
    images = generator.random(shape)
    return [x.astype("float32") for x in (images, grid, upstream)]


def map_coordinates(images, grid):
    batch, height, width, channels = images.shape
    shape = (*grid.shape[:3], channels)
    x = (grid[..., 0] + 1) / 2 * (width - 1)
    y = (grid[..., 1] + 1) / 2 * (height - 1)
    coordinates = [
        tf.range(batch, dtype="float32")[:, None, None, None],
        y[..., None],
        x[..., None],
        tf.range(channels, dtype="float32"),
    ]
    coordinates = tf.stack([tf.broadcast_to(c, shape) for c in coordinates])
    return keras.ops.image.map_coordinates(images, coordinates, order=1)


def tensorflow_call(sample, sources, arrays, jit_compile):
    """A call that samples and gets the gradients to the sources."""

    @tf.function(jit_compile=jit_compile)
    def run(images, grid, upstream):
        if not sources:
            return sample(images, grid)
        watched = [(images, grid)[i] for i in sources]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            output = sample(images, grid)
        gradients = tape.gradient(output, watched, upstream)
        return [tf.convert_to_tensor(gradient) for gradient in gradients]

    return functools.partial(run, *map(tf.constant, arrays))


def torch_call(sources, arrays):
    images, grid, upstream = arrays
    images, upstream = (
        torch.tensor(x.transpose(0, 3, 1, 2).copy()) for x in (images, upstream)
    )
    inputs = images, torch.tensor(grid)
    for i in sources:
        inputs[i].requires_grad_()

    def run():
        output = torch.nn.functional.grid_sample(*inputs, align_corners=True)
        if not sources:
            return output
        watched = [inputs[i] for i in sources]
        return torch.autograd.grad(output, watched, upstream)

    return run


def calls(sources, arrays):
    """All that is compared, by name."""

    @tf.function(jit_compile=True)
    def alone(images, grid):
        if 0 not in sources:  # what compiles alone must be told
            images = tf.stop_gradient(images)
        return ops.grid_sample(images, grid)

    make = functools.partial(
        tensorflow_call, sources=sources, arrays=arrays, jit_compile=False
    )
    return {
        "graph": make(ops.grid_sample),
        "alone": make(alone),
        "xla": make(ops.grid_sample, jit_compile=True),
        "torch": torch_call(sources, arrays),
        "map graph": make(map_coordinates),
        "map xla": make(map_coordinates, jit_compile=True),
    }


def measure(call, repeats):
    time.sleep(0.02)  # threads of the one before may still be waiting
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(repeats):
        call()
    return Times(
        (time.process_time() - cpu) / repeats,
        (time.perf_counter() - wall) / repeats,
    )


def measure_in_turns(calls, rounds):
    """`Times` of each round, by name."""
    repeats = {}
    for name, call in calls.items():
        measure(call, 2)  # traces and compiles
        repeats[name] = 1 + int(SECONDS / measure(call, 2).wall)
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(measure(call, repeats[name]))
    return times


def ratio(others, own):
    """Median over the rounds, CPU and wall time."""
    ratios = [np.divide(*pair) for pair in zip(others, own, strict=True)]
    cpu, wall = np.median(ratios, axis=0)
    return f"{cpu:9.2f} {wall:6.2f}"


def report(times):
    for name in ("graph", "alone", "xla"):
        own = times[name]
        cpu, wall = (
            1000 * statistics.median(column)
            for column in zip(*own, strict=True)
        )
        peers = "map graph" if name == "graph" else "map xla"
        print(
            f"  {name:6} {cpu:9.2f} {wall:6.2f} {ratio(times['torch'], own)} "
            f"{ratio(times[peers], own)}",
            flush=True,
        )


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    print(f"medians of {options.rounds} rounds, {options.threads} threads")
    for shape, output_shape in CASES:
        arrays = inputs(shape, output_shape)
        for name, sources in GRADIENTS.items():
            print(f"{shape} -> {output_shape}, gradient to: {name}")
            print(
                "          call: ms CPU, wall    / torch CPU, wall  "
                "/ map_coordinates"
            )
            report(measure_in_turns(calls(sources, arrays), options.rounds))


if __name__ == "__main__":
    main()
