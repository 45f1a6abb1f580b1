"""The spatial transformer network of Jaderberg et al. 2015 for digits."""

import keras

from keras_attention.layers.spatial_transformer import SpatialTransformer
from keras_attention.models.image_model import ImageModel


def st_cnn(
    input_shape=(42, 42, 1),
    num_classes=10,
    crop_shape=(24, 24),
    transform="affine",
    bounds=(0.2, 1.5),
    num_transforms=1,
    localization=None,
    reader=None,
    name="st_cnn",
):
    """Builds a spatial transformer before a convolutional network.

    The transformer straightens and crops, the reader reads the crop, or the
    channels of several crops together. Train it with `compile` and `fit`, as
    any Keras model.

    By default the localization network is two convolutions with strides on
    the halved image and a dense layer. Each is normalized before its ReLU:
    while the reader can not read yet, the gradient that comes through the crop
    would otherwise drive the features to where they are 0 for every image.

    Args:
        input_shape: (H, W, C) of the images.
        num_classes: number of classes, K.
        crop_shape: (H', W') of the crop.
        transform: of the `SpatialTransformer`.
        bounds: its (min_scale, max_scale).
        num_transforms: number of crops, N, side by side in the network.
        localization: layer, images to features; by default as above.
        reader: layer, crops to features (B, D); by default `digit_reader()`.
        name: name of the model.

    Returns:
        An `ImageModel`, (B, H, W, C) images to (B, K) scores.

    Raises:
        ValueError: for sizes or a transform that do not fit; see the layer.

    Example:
    >>> model = st_cnn((60, 60, 1), bounds=(0.3, 1.0))
    >>> model(np.zeros((2, 60, 60, 1), "uint8")).shape
    TensorShape([2, 10])

    Reference:
        Jaderberg, Simonyan, Zisserman, Kavukcuoglu 2015, Spatial Transformer
        Networks, https://arxiv.org/abs/1506.02025
    """
    images = keras.Input(input_shape, name="image")
    crops = SpatialTransformer(
        localization or _localization(),
        crop_shape,
        transform,
        antialias=True,
        bounds=bounds,
        num_transforms=num_transforms,
        name="transformer",
    )(images)
    if num_transforms > 1:  # (B, N, H', W', C)
        crops = keras.layers.Permute((2, 3, 1, 4))(crops)
        channels = num_transforms * input_shape[-1]
        crops = keras.layers.Reshape((*crop_shape, channels))(crops)
    features = (reader or digit_reader())(crops)
    scores = keras.layers.Dense(
        num_classes, dtype="float32", name="classifier"
    )(features)
    return ImageModel(images, scores, name=name)


def digit_reader(units=96, dropout=0.1, name="reader"):
    """The convolutional network that reads digits of about 20x20 pixels.

    Pooling comes before normalization and activation, which are then a
    quarter of the work.

    Args:
        units: number of features, D.
        dropout: share of the features that training leaves out, twice.
        name: name of the network.

    Returns:
        A `keras.Sequential`, images (B, H, W, C) to features (B, D).

    Example:
    >>> digit_reader()(np.zeros((2, 24, 24, 1), "float32")).shape
    TensorShape([2, 96])
    """
    return keras.Sequential(
        [
            *_convolution(16, pool=True),
            *_convolution(32),
            *_convolution(32, pool=True),
            *_convolution(64),
            keras.layers.Flatten(),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(units, "relu"),
            keras.layers.Dropout(dropout),
        ],
        name=name,
    )


def _convolution(filters, size=3, strides=1, pool=False):
    return [
        keras.layers.Conv2D(
            filters, size, strides, padding="same", use_bias=False
        ),
        *([keras.layers.MaxPooling2D()] if pool else []),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
    ]


def _localization():
    return keras.Sequential(
        [
            keras.layers.AveragePooling2D(2),
            *_convolution(16, 5, strides=2),
            *_convolution(32, 5, strides=2),
            keras.layers.Flatten(),
            keras.layers.Dense(32, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
        ],
        name="localization",
    )
