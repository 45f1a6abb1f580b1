"""What the loop costs beside a hand-written one that does the same arithmetic.

    python benchmarks/attention_loop.py

Soft attention over 196 items of 512 features (Show, Attend and Tell: 14x14
annotations), an LSTM of 512 units, eight steps, batch 16, unrolled and as a
while loop, forward and with all gradients. Both are given the same weights;
their outputs are compared first. Rounds take turns; medians are printed.
"""

import argparse
import statistics
import time

import keras
import numpy as np
import tensorflow as tf

from keras_attention import layers

BATCH, ITEMS, FEATURES, UNITS, STEPS = 16, 196, 512, 512, 8


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    items = tf.random.normal((BATCH, ITEMS, FEATURES))
    for unroll in (True, False):
        look = layers.RecurrentAttention(
            layers.AttentionCell(
                layers.ItemWiseSoftAttention(units=UNITS),
                keras.layers.LSTMCell(UNITS),
            ),
            num_glimpses=STEPS,
            unroll=unroll,
        )
        look(items)
        by_hand = hand_written(look.cell, unroll)
        np.testing.assert_allclose(look(items), by_hand(items), atol=1e-4)
        weights = [weight.value for weight in look.trainable_weights]
        for name, wrap in (("forward", forward), ("gradients", gradients)):
            ours, theirs = seconds(
                wrap(look, weights), wrap(by_hand, weights), items, rounds
            )
            kind = "unrolled" if unroll else "while loop"
            print(
                f"{kind:10} {name:9} ours {1e3 * ours / STEPS:6.2f} ms a step, "
                f"by hand {1e3 * theirs / STEPS:6.2f} ms, "
                f"ratio {ours / theirs:.3f}"
            )


def hand_written(cell, unroll):
    """The same arithmetic, with the weights of the cell."""
    score, lstm = cell.mechanism.score, cell.cell
    w_items, b_items = score.of_items.kernel.value, score.of_items.bias.value
    w_query, v = score.of_query.kernel.value, score.last.kernel.value
    kernel, recurrent = lstm.kernel.value, lstm.recurrent_kernel.value
    bias = lstm.bias.value

    def step(items, keys, h, c):
        scores = tf.tanh(keys + (h @ w_query)[:, None]) @ v
        alpha = tf.nn.softmax(scores[..., 0])
        context = (alpha[:, None] @ items)[:, 0]
        gates = context @ kernel + h @ recurrent + bias
        i, f, g, o = tf.split(gates, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c, alpha

    def run(items):
        keys = items @ w_items + b_items
        h = c = tf.zeros((BATCH, UNITS))
        if unroll:
            seen = []
            for _ in range(STEPS):
                h, c, alpha = step(items, keys, h, c)
                seen.append((h, alpha))
            tf.stack([alpha for _, alpha in seen], axis=1)
            return h
        alphas = tf.TensorArray("float32", STEPS)

        def body(t, h, c, alphas):
            h, c, alpha = step(items, keys, h, c)
            return t + 1, h, c, alphas.write(t, alpha)

        loop = tf.while_loop(
            lambda t, *_: t < STEPS,
            body,
            (0, h, c, alphas),
            maximum_iterations=STEPS,
        )
        return loop[1]

    return run


def forward(run, weights):
    return tf.function(run)


def gradients(run, weights):
    @tf.function
    def differentiated(items):
        with tf.GradientTape() as tape:
            tape.watch(items)
            loss = tf.reduce_sum(run(items))
        return tape.gradient(loss, [items, *weights])

    return differentiated


def seconds(ours, theirs, items, rounds):
    """Medians of the seconds of both, in turns."""
    taken = {ours: [], theirs: []}
    for _ in range(rounds + 2):
        for run, times in taken.items():
            start = time.perf_counter()
            keras.tree.map_structure(np.asarray, run(items))
            times.append(time.perf_counter() - start)
    return [statistics.median(times[2:]) for times in taken.values()]


if __name__ == "__main__":
    main()
