"""Visual attention for Keras: layers that look before they decide.

`layers` are what you add to your own models, `ops` the same mathematics as
plain functions, `models` whole networks. `rewards` what hard
attention can learn from. `policy` and `record_attention` are scopes that
choose, and read, what a model attends to.
"""

from importlib.metadata import version

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "keras_attention needs Keras on TensorFlow: set the environment "
        "variable KERAS_BACKEND=tensorflow before Keras is imported. "
        f"Received: backend={keras.backend.backend()!r}"
    )

from keras_attention import layers, models, ops
from keras_attention.policies import policy, record_attention, rewards

__version__ = version("keras-visual-attention")

__all__ = [
    "layers",
    "models",
    "ops",
    "policy",
    "record_attention",
    "rewards",
]
