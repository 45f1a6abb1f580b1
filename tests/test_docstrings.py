"""Runs the examples of all public docstrings."""

import doctest
import importlib
import inspect
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_attention
from keras_attention import layers, models, ops, policies

FLOORS = (ops, policies, layers, models)
MODULES = [
    keras_attention.__name__,
    *(
        f"{floor.__name__}.{module.name}"
        for floor in FLOORS
        for module in pkgutil.iter_modules(floor.__path__)
    ),
]
NAMES = {
    "keras": keras,
    "keras_attention": keras_attention,
    "np": np,
    "tf": tf,
    **{
        name: getattr(floor, name) for floor in FLOORS for name in floor.__all__
    },
}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_show_what_happens(name):
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    # With what a reader has imported, not with what the module has.
    for example in doctest.DocTestFinder().find(module, globs=dict(NAMES)):
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize(
    "name",
    [f"{floor.__name__}.{name}" for floor in FLOORS for name in floor.__all__],
)
def test_every_public_name_says_what_it_is(name):
    module, _, attribute = name.rpartition(".")
    public = getattr(importlib.import_module(module), attribute)
    assert len(inspect.getdoc(public).splitlines()) > 3
    assert "+SKIP" not in public.__doc__
