"""The command line: `keras-attention`."""

from keras_attention_cli.main import main

__all__ = ["main"]
