"""Training and evaluation speed of RAM beside a PyTorch implementation.

The peer is kevinzakka/recurrent-visual-attention; give the path of a checkout.
Both train the MNIST network (6 glimpses of 8x8, one scale) on the same images
in memory at the same batch size, in turns, on the same cores. The peer runs
its own `train_one_epoch` and `validate`, this package `fit` and `evaluate`.

    pip install torch tqdm
    python benchmarks/ram_against_pytorch.py PATH_OF_CHECKOUT
"""

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from keras_attention import models, training

# Keras calls Python once for so many steps.
STEPS_PER_EXECUTION = 50


class Loader:
    """Batches in memory, with what the peer's trainer asks of a loader."""

    def __init__(self, batches):
        self.batches = batches
        images = sum(len(labels) for _, labels in batches)
        self.sampler = types.SimpleNamespace(indices=range(images))

    def __iter__(self):
        return iter(self.batches)

    def __len__(self):
        return len(self.batches)


def peer(path, images, labels, batch_size):
    """Functions that train and evaluate one epoch of the peer."""
    sys.path.insert(0, path)
    silent = types.ModuleType("tensorboard_logger")
    silent.configure = silent.log_value = lambda *arguments: None
    sys.modules["tensorboard_logger"] = silent
    import torch
    from config import get_config
    from trainer import Trainer

    arguments, sys.argv = sys.argv, sys.argv[:1]
    config, _ = get_config()
    sys.argv = arguments
    config.use_gpu = config.use_tensorboard = False
    config.plot_freq = 10**9
    batches = [
        (
            torch.tensor(images[i : i + batch_size].transpose(0, 3, 1, 2)),
            torch.tensor(labels[i : i + batch_size], dtype=torch.int64),
        )
        for i in range(0, len(labels), batch_size)
    ]
    with contextlib.chdir(tempfile.mkdtemp()):
        trainer = Trainer(config, (Loader(batches), Loader(batches)))

    def evaluate():
        trainer.model.eval()
        with torch.no_grad():
            trainer.validate(1)

    def train():
        trainer.model.train()
        trainer.train_one_epoch(1)

    return train, evaluate


def ours(images, labels, batch_size):
    """Functions that train and evaluate one epoch of this package."""
    model = models.ram()
    model.compile(
        keras.optimizers.Adam(3e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=True,
        steps_per_execution=STEPS_PER_EXECUTION,
    )
    data = tf.data.Dataset.from_tensor_slices((images, labels))
    data = data.batch(batch_size, drop_remainder=True).cache().prefetch(2)

    def train():
        model.fit(data, verbose=0, shuffle=False)

    def evaluate():
        model.evaluate(data, verbose=0)

    return train, evaluate


def seconds(function):
    start = time.perf_counter()
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stderr(nowhere),
        contextlib.redirect_stdout(nowhere),
    ):
        function()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", help="path of the peer's checkout")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    num_images = options.batch_size * options.batches
    split = training.load_digits("digits")["train"]
    digits = training.fixed_set(split, training.Canvas(28), seed=0)
    chosen = np.arange(num_images) % len(digits.labels)
    images = (digits.images[chosen] / 255).astype("float32")
    labels = digits.labels[chosen]

    us = ours(images, labels, options.batch_size)
    them = peer(options.checkout, images, labels, options.batch_size)
    for i, name in enumerate(("training", "evaluation")):
        seconds(us[i]), seconds(them[i])  # compiling is not measured
        rounds = [
            (seconds(us[i]), seconds(them[i])) for _ in range(options.rounds)
        ]
        ratio = statistics.median(theirs / own for own, theirs in rounds)
        rates = [
            num_images / statistics.median(column)
            for column in zip(*rounds, strict=True)
        ]
        print(
            f"{name}: {rates[0]:,.0f} images/s, the peer {rates[1]:,.0f}: "
            f"{ratio:.2f} times (median of {options.rounds} rounds in turns, "
            f"batches of {options.batch_size})",
            flush=True,
        )


if __name__ == "__main__":
    main()
