"""The examples in the docstrings of the server and the clients are true."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name", ["client.messages", "client.v2", "server.frames", "server.gate"]
)
def test_the_examples_show_what_happens(name):
    module = importlib.import_module(f"keras_attention.export.{name}")
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
