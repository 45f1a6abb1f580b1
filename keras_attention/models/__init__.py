"""Keras models built of the layers."""

from keras_attention.models.baseline import LearnedBaseline
from keras_attention.models.every_step import every_step
from keras_attention.models.image_classifier import ImageClassifier
from keras_attention.models.policy_pretraining import PolicyPretraining
from keras_attention.models.ram import ram
from keras_attention.models.reinforce_model import ReinforceModel
from keras_attention.models.until_sure import until_sure

__all__ = [
    "ImageClassifier",
    "LearnedBaseline",
    "PolicyPretraining",
    "ReinforceModel",
    "every_step",
    "ram",
    "until_sure",
]
