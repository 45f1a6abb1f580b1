"""The spatial transformer: a crop whose place is learned by its gradient."""

import math

import keras
import tensorflow as tf

from keras_attention.layers import parts
from keras_attention.layers.mechanism import (
    Mechanism,
    check_query,
    check_shape,
)
from keras_attention.ops.antialias import antialias
from keras_attention.ops.bounds import scale_gradient
from keras_attention.ops.checks import (
    check_count,
    check_interpolation,
    check_nonnegative,
    check_option,
)
from keras_attention.ops.grid_sample import check_padding, grid_sample
from keras_attention.ops.images import floating_images
from keras_attention.ops.sampling_grid import (
    check_output_shape,
    check_transform,
    sampling_grid,
)
from keras_attention.ops.transform_parameters import (
    bound_parameters,
    check_bounds,
    theta_of,
    tiled_starts,
)
from keras_attention.policies import forced

SOURCES = ("inputs", "query", "both")


@keras.saving.register_keras_serializable("keras_attention")
class SpatialTransformer(Mechanism):
    """Looks at images through crops that a network places, turns and bends.

    A network predicts theta, theta says where in the image each pixel of the
    crop comes from, and the crop is read there by interpolation (Jaderberg et
    al. 2015). All of it is differentiable: where to look is learned by
    back-propagation, from the loss of whatever reads the crop. Use it to
    straighten or find what is to be recognised; in a loop, where the state
    says what to look for, it looks at one thing after the other.

        theta    = regression(localization(x))            (section 3.1)
        grid     = T_theta(G)                             (equation 1)
        x'[i, j] = sum_nm x[n, m] k(X - m) k(Y - n)       (equation 3)

    where G are the places of the crop's pixels, (X, Y) is the pixel that
    grid[i, j] falls on, and k(d) = max(0, 1 - |d|) for `"bilinear"` (equation
    5), or takes the nearest pixel (equation 4). x' is the attended input.

    The regression is a dense layer of its own, whose kernel is zero and whose
    bias is the identity: whatever the localization network computes, at first
    the crop is the whole image, or as much of its middle as `bounds` let it
    be. A parameter that is NaN is that of the start. To start elsewhere,
    assign the parameters of all crops to `regression.bias` of the built layer.

    What helps where it does not train: `bounds`, when crops run away to where
    nothing is seen; a `localization_gradient` of 0.1 or less, on photographs;
    `antialias`, where a crop is much smaller than what it shows. In images
    with mean zero black is not 0: pad by `"border"`, or by `"value"`.

    Args:
        localization: your network, a Keras layer or model; its features, of
            any shape, are flattened for the regression.
        output_shape: (H', W') of a crop.
        transform: `"translation"`, `"attention"` (one scale and a
            translation), `"rotation"`, `"similarity"`, `"affine"`,
            `"projective"` or `"thin_plate_spline"`; see
            `keras_attention.ops.sampling_grid`.
        localize_from: what the localization network is called on:
            `"inputs"`, `"query"`, or `"both"`, which is
            `localization(inputs, query)`.
        num_transforms: n, the number of crops. Several start as the tiles of
            the image, row by row in `ceil(sqrt(n))` columns, as far as the
            transform can.
        num_control_points: K of a thin plate spline, which has K x K.
        interpolation: `"bilinear"`, or `"nearest"`, which has no gradient to
            theta.
        padding: what is outside the image: `"zeros"`, `"value"`, which is
            `fill_value`, `"border"` or `"reflection"`; see
            `keras_attention.ops.grid_sample`.
        fill_value: the number outside, for `padding="value"`.
        align_corners: whether -1 and 1 are the centres of the outer pixels,
            or their outer edges.
        antialias: whether to blur what a crop would skip.
        bounds: `(min_scale, max_scale)`, or None. With bounds, the centre of
            a crop stays in the image, its scale (of a matrix: its Frobenius
            norm / sqrt(2)) within the bounds, a perspective in front of the
            eye, and the control points of a spline within +-max_scale. Where
            you know that what is sought is small, a max_scale below 1 spares
            the network to learn it. What is beyond can come back: see
            `keras_attention.ops.bounds` and
            `keras_attention.ops.transform_parameters`.
        localization_gradient: factor on the gradient that reaches theta. With
            plain SGD it is a factor on the learning rate of regression and
            localization; Adam undoes it.
        **kwargs: of `keras.layers.Layer`.

    Call arguments:
        inputs: images (B, H, W, C), floating, or uint8, which stands for
            0-255 and is scaled to [0, 1].
        query: (B, Q), or None where `localize_from="inputs"`.
        mask: None; an image has no mask.
        return_attention: whether to return what was attended to as well.

    Output:
        The crops (B, H', W', C), or (B, n, H', W', C) of several; with
        `return_attention=True` `(crops, attention)` with a dict in float32,
        each with an axis n after the batch where there are several:

        - `theta`: (B, 2, 3); (B, 3, 3) of a projective transform; (B, K * K,
          2) of a thin plate spline.
        - `grid`: (B, H', W', 2), the place of each pixel as (x, y).
        - `location`: (B, 2), the place of the crop's centre.

    Raises:
        ValueError: for a wrong argument or shape, a missing query, or a mask.

    Example:
    In front of a classifier, trained by `fit` like any other layer:

    >>> localization = keras.Sequential([
    ...     keras.layers.AveragePooling2D(2),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(20, "relu"),
    ... ])
    >>> images = keras.Input((42, 42, 1))
    >>> crops = SpatialTransformer(localization, (28, 28))(images)
    >>> scores = keras.layers.Dense(10)(keras.layers.Flatten()(crops))
    >>> keras.Model(images, scores).output_shape
    (None, 10)

    In a loop, the state says where to look next:

    >>> look = SpatialTransformer(
    ...     keras.layers.Dense(8, "relu"),
    ...     (6, 6),
    ...     transform="attention",
    ...     localize_from="query",
    ...     bounds=(0.1, 1.0),
    ... )
    >>> cell = AttentionCell(look, keras.layers.LSTMCell(16))
    >>> rollout = RecurrentAttention(cell, num_glimpses=3)
    >>> output, attention = rollout(
    ...     np.zeros((2, 20, 20, 1), "float32"), return_attention=True
    ... )
    >>> attention["theta"].shape
    TensorShape([2, 3, 2, 3])

    References:
        Jaderberg, Simonyan, Zisserman, Kavukcuoglu 2015, Spatial Transformer
        Networks, https://arxiv.org/abs/1506.02025

        Wang, Tax 2016, Survey on the attention based RNN model and its
        applications in computer vision, https://arxiv.org/abs/1601.06823
    """

    def __init__(
        self,
        localization,
        output_shape,
        transform="affine",
        localize_from="inputs",
        num_transforms=1,
        num_control_points=4,
        interpolation="bilinear",
        padding="zeros",
        fill_value=0.0,
        align_corners=True,
        antialias=False,
        bounds=None,
        localization_gradient=1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_transform(transform)
        check_count("num_transforms", num_transforms)
        check_interpolation(interpolation)
        check_padding(padding, fill_value)
        check_option("localize_from", localize_from, SOURCES)
        _check_localization(localization)
        _check_control_points(num_control_points)
        check_nonnegative("localization_gradient", localization_gradient)
        check_bounds(bounds, transform, num_transforms)
        self.localization = localization
        self.output_shape = check_output_shape(output_shape)
        self.transform = transform
        self.localize_from = localize_from
        self.num_transforms = num_transforms
        self.num_control_points = num_control_points
        self.interpolation = interpolation
        self.padding = padding
        self.fill_value = fill_value
        self.align_corners = align_corners
        self.antialias = antialias
        self.bounds = None if bounds is None else tuple(bounds)
        self.localization_gradient = localization_gradient
        self._starts = tiled_starts(
            transform, num_transforms, num_control_points, self.bounds
        )
        self.regression = _regression(self._starts)

    def build(self, inputs_shape, query_shape=None):
        """Builds the localization network and the regression.

        On symbolic tensors, so that a layer of yours need only have a `call`.
        """
        _check_shapes(inputs_shape, query_shape)
        images, query = (
            shape and keras.KerasTensor(shape, dtype=self.compute_dtype)
            for shape in (inputs_shape, query_shape)
        )
        features = self._localize(images, query)
        if not self.regression.built:
            self.regression.build((None, _num_features(features)))

    def prepare(self, inputs, mask=None):
        """Converts images of any kind to the dtype of the computation."""
        images = tf.convert_to_tensor(inputs)
        _check_shapes(images.shape)
        return floating_images(images, self.compute_dtype)

    def attend(self, inputs, query=None, mask=None, choices=None):
        """Places the crops and reads them."""
        if mask is not None:
            raise ValueError(
                "`SpatialTransformer` takes no mask: it looks at images. "
                f"Received: mask.shape={tuple(mask.shape)}"
            )
        _check_shapes(inputs.shape, getattr(query, "shape", None))
        theta = self._theta(inputs, query)  # (B * n, ...)
        theta = forced.instead_of("theta", theta, self)
        grid = self._grid(theta, self.output_shape)  # (B * n, H', W', 2)
        # The only pixel of a crop of one pixel is at its centre.
        location = self._grid(theta, (1, 1))[:, 0, 0]
        attention = {"theta": theta, "grid": grid, "location": location}
        if self.num_transforms == 1:
            return self._read(inputs, grid), attention
        attention = {
            name: tf.reshape(value, (-1, self.num_transforms, *value.shape[1:]))
            for name, value in attention.items()
        }
        crops = [
            self._read(inputs, attention["grid"][:, i])
            for i in range(self.num_transforms)
        ]
        return tf.stack(crops, axis=1), attention

    def compute_output_shape(self, inputs_shape, query_shape=None):
        """(B, H', W', C), or (B, n, H', W', C)."""
        crops = () if self.num_transforms == 1 else (self.num_transforms,)
        return (inputs_shape[0], *crops, *self.output_shape, inputs_shape[-1])

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            **parts.serialized({"localization": self.localization}),
            "output_shape": self.output_shape,
            "transform": self.transform,
            "localize_from": self.localize_from,
            "num_transforms": self.num_transforms,
            "num_control_points": self.num_control_points,
            "interpolation": self.interpolation,
            "padding": self.padding,
            "fill_value": self.fill_value,
            "align_corners": self.align_corners,
            "antialias": self.antialias,
            "bounds": self.bounds,
            "localization_gradient": self.localization_gradient,
        }

    @classmethod
    def from_config(cls, config):
        """Makes the layer from the config of its localization network."""
        return cls(**parts.deserialized(config))

    def _localize(self, images, query):
        """The features that the localization network finds."""
        if self.localize_from == "inputs":
            return self.localization(images)
        if query is None:
            raise ValueError(
                f"`localize_from={self.localize_from!r}` needs a query. "
                "Received: query=None"
            )
        if self.localize_from == "query":
            return self.localization(query)
        return self.localization(images, query)

    def _theta(self, images, query):
        """Theta of all crops, the crops of an image one after the other."""
        if query is not None:
            query = tf.cast(query, self.compute_dtype)
        features = self._localize(images, query)
        features = tf.reshape(features, (-1, _num_features(features)))
        parameters = self.regression(features)  # (B, n * P)
        unknown = tf.math.is_nan(parameters)
        starts = tf.reshape(self._starts, (1, -1))
        parameters = tf.where(unknown, starts, parameters)
        parameters = scale_gradient(parameters, self.localization_gradient)
        size = parameters.shape[-1] // self.num_transforms
        parameters = tf.reshape(parameters, (-1, size))  # (B * n, P)
        if self.bounds is not None:
            parameters = bound_parameters(
                parameters, self.transform, self.bounds
            )
        return theta_of(parameters, self.transform)

    def _grid(self, theta, output_shape):
        general = self.transform in ("projective", "thin_plate_spline")
        transform = self.transform if general else "affine"
        return sampling_grid(theta, output_shape, transform, self.align_corners)

    def _read(self, images, grid):
        """One crop of each image."""
        if self.antialias:
            images = antialias(images, grid, self.align_corners)
        return grid_sample(
            images,
            grid,
            self.interpolation,
            self.padding,
            self.align_corners,
            self.fill_value,
        )


def _regression(starts):
    """A dense layer to the parameters, which it starts with."""
    return keras.layers.Dense(
        starts.size,
        kernel_initializer="zeros",
        bias_initializer=lambda shape, dtype: tf.reshape(starts, shape),
        dtype="float32",
        name="regression",
    )


def _num_features(features):
    if None in features.shape[1:]:
        raise ValueError(
            "`localization` must return features of a known size. Received: "
            f"features.shape={tuple(features.shape)}"
        )
    return math.prod(features.shape[1:])


def _check_shapes(inputs_shape, query_shape=None):
    check_shape("inputs", inputs_shape, "(batch, height, width, channels)")
    if inputs_shape[-1] is None or 0 in tuple(inputs_shape[1:]):
        raise ValueError(
            "`inputs` must have pixels, and a known number of channels. "
            f"Received: inputs.shape={tuple(inputs_shape)}"
        )
    if query_shape is not None:
        check_query(query_shape, inputs_shape)


def _check_localization(localization):
    if not isinstance(localization, keras.layers.Layer):
        raise ValueError(
            "`localization` must be a Keras layer or model. "
            f"Received: localization={localization!r}"
        )


def _check_control_points(num_control_points):
    check_count("num_control_points", num_control_points)
    if num_control_points < 2:
        raise ValueError(
            "`num_control_points` must be at least 2 along each axis. "
            f"Received: num_control_points={num_control_points}"
        )
