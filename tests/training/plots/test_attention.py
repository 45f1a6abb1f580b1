import io
import itertools

import keras
import numpy as np
import pytest
from PIL import Image, ImageSequence

from keras_attention import layers, models
from keras_attention.training import look, plots
from keras_attention.training.plots import marks

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 16, 20, 1), "uint8")
BOXES = np.array([[-0.5, -0.5, 0.5, 0.5]] * 2)


def glimpses(images):
    cell = layers.GlimpseCell(layers.GlimpseSensor(6, num_scales=2))
    return layers.RecurrentAttention(cell, num_glimpses=3)(images)


def looks(mechanism, inputs):
    cell = layers.AttentionCell(mechanism, keras.layers.LSTMCell(4))
    return layers.RecurrentAttention(cell, num_glimpses=3)(inputs)


def mask(images):
    features = keras.layers.Conv2D(3, 4, strides=4)(images)  # 4 x 5 places
    return looks(layers.LocationWiseSoftAttention(), features)


def items(images):
    patches = keras.layers.Conv2D(3, 4, strides=4)(images)
    patches = keras.layers.Reshape((20, 3))(patches)
    return looks(layers.ItemWiseHardAttention(2), patches)


def transformer(images):
    localization = keras.layers.Flatten()
    crop = layers.SpatialTransformer(localization, (6, 8), num_transforms=2)
    return keras.layers.Flatten()(crop(images))


def model_of(network):
    images = keras.Input((16, 20, 1))
    return keras.Model(images, keras.layers.Dense(3)(network(images)))


# Axes of a row: the image, what was seen, and bars where there are steps.
@pytest.mark.parametrize(
    ("network", "options", "num_axes"),
    [
        (glimpses, {}, 1 + 3 * (2 + 1)),
        (mask, {}, 1 + 3 * (1 + 1)),
        (items, {"item_grid": (4, 5)}, 1 + 3 * (1 + 1)),
        (items, {}, 1 + 3 * (1 + 1)),
        (transformer, {}, 1 + 2),
    ],
)
def test_one_call_draws_any_kind(network, options, num_axes):
    model = model_of(network)
    figure = plots.attention(model, IMAGES, boxes=BOXES, **options)
    assert len(figure.axes) == 2 * num_axes
    scores = model.predict(IMAGES / 255, verbose=0)
    best = scores.argmax(-1)
    titles = [text.get_text() for text in figure.texts]
    for answer in best:
        assert any(title.startswith(f"read as {answer}") for title in titles)


def test_what_was_looked_at_is_drawn_without_the_model():
    looked = look(model_of(transformer), IMAGES)
    figure = plots.draw(looked, IMAGES, titles=["one", "two"])
    assert figure.texts[0].get_text() == "one"
    # Both crops start as halves of the image, side by side.
    outlines = [
        line.get_xydata().tolist() for line in figure.axes[0].lines if line
    ]
    height, width = 15, 19
    left = [[0, 0], [width / 2, 0], [width / 2, height], [0, height], [0, 0]]
    assert any(np.allclose(outline, left) for outline in outlines)
    seen = figure.axes[1].images[0].get_array()
    assert seen.shape == (6, 8, 3)
    np.testing.assert_allclose(seen[0, 0], IMAGES[0, 0, 0, 0] / 255, rtol=1e-5)


def test_a_blurred_crop_is_drawn_as_the_layer_reads_it():
    images = keras.Input((16, 20, 1))
    crop = layers.SpatialTransformer(
        keras.layers.Flatten(), (4, 4), antialias=True
    )
    seen = crop(images)
    flat = keras.layers.Flatten()(seen)
    model = keras.Model(images, keras.layers.Dense(3)(flat))
    figure = plots.attention(model, IMAGES)
    expected = keras.Model(images, seen)(IMAGES / 255)[0]
    drawn = figure.axes[1].images[0].get_array()[..., :1]
    np.testing.assert_allclose(drawn, expected, atol=1e-5)


def test_names_of_classes_stand_in_titles_and_bars():
    names = ["cat", "dog", "a hippopotamus"]
    figure = plots.attention(model_of(glimpses), IMAGES, class_names=names)
    bars = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"cat", "dog", "a hippopota…"} <= bars
    titles = [text.get_text() for text in figure.texts]
    assert sum(title.startswith("read as") for title in titles) == 2
    assert not any(title.startswith("read as 0") for title in titles)


def test_every_object_of_an_image_has_its_box():
    looked = look(model_of(glimpses), IMAGES)
    three = np.stack([BOXES, BOXES / 2, BOXES - 0.5], axis=1)
    dashed = []
    for boxes in (None, BOXES, three):
        overview = plots.draw(looked, IMAGES, boxes=boxes).axes[0]
        dashed.append(
            sum(line.get_color() == marks.TRUTH for line in overview.lines)
        )
    assert dashed == [0, 1, 3]


def test_a_model_that_diverged_is_drawn():
    model = model_of(glimpses)
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    figure = plots.attention(model, IMAGES)
    assert plots.pixels(figure).shape[-1] == 3


def test_an_animation_has_a_frame_for_every_step():
    made = plots.animation(
        models.ram((16, 20, 1), num_glimpses=3, glimpse_size=6),
        IMAGES,
        boxes=BOXES,
        milliseconds=400,
    )
    gif = Image.open(io.BytesIO(made))
    assert gif.info["loop"] == 0
    frames = [
        (frame.info["duration"], np.asarray(frame.convert("RGB"), "float32"))
        for frame in ImageSequence.Iterator(gif)
    ]
    assert [duration for duration, _ in frames] == [400, 400, 1200]
    # Each shows more than the one before.
    for (_, one), (_, other) in itertools.pairwise(frames):
        assert np.abs(one - other).mean() > 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"titles": ["one"]}, "one of `titles` for each of the 2 images"),
        ({"boxes": BOXES[:1]}, "one of `boxes` .* Received: 1"),
        ({"images": IMAGES[:1]}, "one of `looked` for each of the 1 images"),
        ({"images": IMAGES[:, :8]}, r"\(16, 20\). Received: .*\(2, 8, 20, 1\)"),
        ({"images": IMAGES[..., 0]}, r"images.shape=\(2, 16, 20\)"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    looked = look(model_of(transformer), IMAGES)
    arguments = {"images": IMAGES, **change}
    with pytest.raises(ValueError, match=message):
        plots.draw(looked, **arguments)


def test_a_model_without_attention_is_refused():
    model = model_of(keras.layers.Flatten())
    with pytest.raises(ValueError, match="has no attention layer"):
        plots.attention(model, IMAGES)
