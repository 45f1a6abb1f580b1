"""Keras models built of the layers."""

from keras_attention.models.baseline import LearnedBaseline
from keras_attention.models.every_step import every_step
from keras_attention.models.image_classifier import ImageClassifier
from keras_attention.models.image_model import ImageModel
from keras_attention.models.policy_pretraining import PolicyPretraining
from keras_attention.models.preset import (
    from_preset,
    preset_card,
    preset_names,
)
from keras_attention.models.ram import ram
from keras_attention.models.reinforce_model import ReinforceModel
from keras_attention.models.st_cnn import digit_reader, st_cnn
from keras_attention.models.until_sure import until_sure

__all__ = [
    "ImageClassifier",
    "ImageModel",
    "LearnedBaseline",
    "PolicyPretraining",
    "ReinforceModel",
    "digit_reader",
    "every_step",
    "from_preset",
    "preset_card",
    "preset_names",
    "ram",
    "st_cnn",
    "until_sure",
]
