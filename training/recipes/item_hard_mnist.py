"""Hard attention over items: MNIST as 16 patches, of which four are read.

Each patch of 7x7 becomes an item, by weights of its place. The state of an
LSTM scores the items, one that was not read is sampled and read, four times;
the rewards of four rollouts of an image are compared with one another.
"""

import keras

from keras_attention import layers, models, rewards

from ..canvases import Canvas
from ..recipe import Recipe

PATCH = 7


def items(images: keras.KerasTensor) -> keras.KerasTensor:
    """Patches as items, (B, 28, 28, 1) to (B, 16, 128)."""
    side = 28 // PATCH
    x = keras.layers.Reshape((side, PATCH, side, PATCH))(images)
    x = keras.layers.Permute((1, 3, 2, 4))(x)
    x = keras.layers.Reshape((side**2, PATCH**2))(x)
    return keras.layers.EinsumDense(
        "bnp,npd->bnd", (side**2, 128), bias_axes="nd", activation="relu"
    )(x)


def network() -> models.ImageClassifier:
    """The network, from 28x28 images to ten scores."""
    images = keras.Input((28, 28, 1), name="image")
    cell = layers.AttentionCell(
        layers.ItemWiseHardAttention(units=64),
        keras.layers.LSTMCell(256),
        inhibition_of_return=True,
    )
    state = layers.RecurrentAttention(cell, num_glimpses=4, name="looks")(
        items(images)
    )
    scores = keras.layers.Dense(10, dtype="float32", name="classifier")(state)
    return models.ImageClassifier(
        images,
        scores,
        reward=rewards.log_likelihood,
        baseline="leave_one_out",
        num_samples=4,
        entropy_bonus=0.01,
        name="item_hard",
    )


RECIPE = Recipe(
    name="item_hard_mnist",
    summary="MNIST 28x28 as 16 patches of 7x7, 4 of which are read",
    source="mnist",
    canvas=Canvas(size=28),
    network=network,
    epochs=36,
    steps_per_epoch=430,
    item_grid=(28 // PATCH, 28 // PATCH),
)
