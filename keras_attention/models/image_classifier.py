"""A glimpse model that reads images, floating or uint8."""

import keras

from keras_attention.models.image_model import ReadsImages
from keras_attention.models.reinforce_model import ReinforceModel


@keras.saving.register_keras_serializable("keras_attention")
class ImageClassifier(ReadsImages, ReinforceModel):
    """A `ReinforceModel` from one batch of images to scores of classes.

    Args:
        *args: of `ReinforceModel`.
        **kwargs: of `ReinforceModel`.

    Call arguments:
        images: (B, H, W, C), floating in [0, 1], or uint8, which stands for
            0-255 and is scaled to [0, 1].

    Output shape:
        (B, K): scores, whose argmax over the last axis is the class.
    """
