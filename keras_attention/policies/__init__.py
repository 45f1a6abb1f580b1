"""How hard attention decides, and how it learns from a reward."""

from keras_attention.policies import rewards
from keras_attention.policies.scope import policy, record_attention

__all__ = ["policy", "record_attention", "rewards"]
