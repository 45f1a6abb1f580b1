"""Makes the pictures of the documentation: one of each kind of attention.

Run `python benchmarks/pictures.py runs/ram_cluttered60 --out docs`, after
`keras-attention train ram_cluttered60 --seed 0`. The glimpses are those of
that run; for the other kinds small networks are trained on the embedded
digits here, which takes three CPU-minutes.
"""

import argparse
import pathlib

import keras

from keras_attention import layers, training
from keras_attention.training import plots, recipes

CANVAS = training.Canvas(40, num_distractors=3, distractor_size=6)
BATCH = 64


def convolutions(images):
    """(B, 40, 40, 1) to a map of 10x10 places, each with its position."""
    features = images
    for filters, strides in ((24, 2), (32, 2), (48, 1)):
        features = keras.layers.Conv2D(
            filters, 3, strides=strides, padding="same", activation="relu"
        )(features)
    return features


def recurrent(mechanism, inputs):
    cell = layers.AttentionCell(mechanism, keras.layers.LSTMCell(96))
    return layers.RecurrentAttention(cell, num_glimpses=4)(inputs)


def soft_mask(images):
    mechanism = layers.LocationWiseSoftAttention("convolutional", units=32)
    return recurrent(mechanism, convolutions(images))


def items(images):
    """Patches of 8x8 as items, each read by the same small network."""
    patches = keras.layers.Conv2D(64, 8, strides=8, activation="relu")(images)
    patches = keras.layers.Conv2D(64, 3, padding="same", activation="relu")(
        patches
    )
    patches = keras.layers.Reshape((25, 64))(patches)
    return recurrent(layers.ItemWiseSoftAttention(), patches)


def transformer(images):
    localization = keras.Sequential(
        [
            keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 5, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(64, "relu"),
        ]
    )
    crop = layers.SpatialTransformer(
        localization, (16, 16), transform="attention", bounds=(0.3, 1.0)
    )(images)
    features = keras.layers.Conv2D(32, 3, activation="relu")(crop)
    features = keras.layers.Conv2D(32, 3, strides=2, activation="relu")(
        features
    )
    return keras.layers.Flatten()(features)


def trained(network, steps):
    """A model trained on the embedded digits."""
    keras.utils.set_random_seed(0)
    images = keras.Input((40, 40, 1))
    model = keras.Model(images, keras.layers.Dense(10)(network(images)))
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
    digits = training.load_digits("digits")["train"]
    batches = training.training_dataset(digits, CANVAS, BATCH, seed=0)
    model.fit(
        batches.map(lambda one: (one["image"] / 255, one["label"])),
        steps_per_epoch=steps // 10,
        epochs=10,
        verbose=2,
    )
    return model


def draw(name, model, test, out, **options):
    """Writes the picture of two test images."""
    some = slice(0, 2)
    figure = plots.attention(
        model, test.images[some], boxes=test.boxes[some], **options
    )
    (out / f"{name}.png").write_bytes(plots.png(figure))


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path("docs")
    )
    parser.add_argument("--data-dir", help="folder of TensorFlow Datasets")
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args(arguments)

    run = training.RunFolder(options.run)
    recipe = recipes.get(run.config()["recipe"])
    test = training.load_test_set(recipe, options.data_dir)
    model = run.model()
    draw("glimpses", model, test, options.out)
    one = slice(0, 1)
    gif = plots.animation(model, test.images[one], boxes=test.boxes[one])
    (options.out / "glimpses.gif").write_bytes(gif)

    digits = training.load_digits("digits")["test"]
    test = training.fixed_set(digits, CANVAS, 0)
    draw("soft_mask", trained(soft_mask, options.steps), test, options.out)
    model = trained(items, options.steps)
    draw("items", model, test, options.out, item_grid=(5, 5))
    draw("transformer", trained(transformer, options.steps), test, options.out)


if __name__ == "__main__":
    main()
