"""A recurrent spatial transformer: three digits in a row, one after the other.

After Soenderby et al. 2015. A convolutional network sees the whole image at a
quarter of its size, and a GRU makes three places of it, one after the other.
Each digit is read from the crop at its place alone, by the same reader: what
the GRU knows must go through the places. No label says where digits are.

The crops start on the left, in the middle and on the right. The features of
the localization network are scaled down, or Adam, whose steps are as large
however small the gradient is, drives the crops away before the reader can read.
"""

import keras

from keras_attention import layers, models

from ..recipe import Recipe
from ..rows import RowCanvas

CROP = (24, 24)
# (scale, x, y) of each crop.
STARTS = [0.32, -0.56, 0.0, 0.32, 0.0, 0.0, 0.32, 0.56, 0.0]


def localization() -> keras.Sequential:
    """From the image to the features of three places, (B, 3, 64)."""
    return keras.Sequential(
        [
            keras.layers.AveragePooling2D(4),
            keras.layers.Conv2D(16, 5, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Conv2D(32, 5, 2, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(64, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.RepeatVector(3),
            keras.layers.GRU(64, return_sequences=True),
            keras.layers.Rescaling(0.2),
        ],
        name="localization",
    )


def network() -> models.ImageModel:
    """The network, from 100x100 images to ten scores of each digit."""
    images = keras.Input((100, 100, 1), name="image")
    transformer = layers.SpatialTransformer(
        localization(),
        CROP,
        transform="attention",
        num_transforms=3,
        bounds=(0.2, 0.36),
        name="transformer",
    )
    crops = transformer(images)  # (B, 3, 24, 24, 1)
    transformer.regression.bias.assign(STARTS)
    read = keras.Sequential(
        [
            models.digit_reader(),
            keras.layers.Dense(10, dtype="float32", name="classifier"),
        ],
        name="read",
    )
    scores = read(keras.ops.reshape(crops, (-1, *CROP, 1)))
    scores = keras.ops.reshape(scores, (-1, 3, 10))
    return models.ImageModel(images, scores, name="rnn_spn")


RECIPE = Recipe(
    name="rnn_spn",
    summary="Three MNIST digits on a line among 8 pieces of 9x9 on 100x100, "
    "errors per digit, a recurrent transformer",
    source="mnist",
    canvas=RowCanvas(),
    network=network,
    epochs=36,
    steps_per_epoch=430,
)
