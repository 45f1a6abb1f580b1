"""Requests are answered alike, one by one and several in one run."""

import json

import numpy as np
import pytest

from keras_attention.export.server.answers import Answerer
from keras_attention.export.server.signatures import Signature, Tensor


class Doubling:
    """A model that doubles, and notes how many it was given at once."""

    def __init__(self):
        self.sizes = []

    def signature(self):
        tensor = Tensor("float32", (None, 2))
        return Signature({"x": tensor}, {"y": tensor}, self.run)

    def run(self, x):
        self.sizes.append(len(x))
        if (x == 1).any():
            raise RuntimeError("out of memory")
        return {"y": 2 * x}


@pytest.fixture
def model():
    return Doubling()


@pytest.fixture
def answer(model):
    return Answerer({"double": model.signature()}, 8)


def v1(*rows):
    body = json.dumps({"instances": [[row, row] for row in rows]})
    return "v1", "double", body.encode()


def doubled(*rows):
    predictions = [[2 * row, 2 * row] for row in rows]
    return "ok", json.dumps({"predictions": predictions}).replace(
        " ", ""
    ).encode()


@pytest.mark.parametrize("values", [[0.5, 0.25], [0.125, 0.25, 0.375, 0.5]])
def test_single_examples_are_run_at_once(answer, model, values):
    found = answer([v1(value) for value in values])
    assert found == [doubled(value) for value in values]
    assert model.sizes == [len(values)]


@pytest.mark.parametrize("rows", [[(0.25,)], [(0.25,), (0.5, 0.75)] * 2])
def test_others_are_run_one_by_one(answer, model, rows):
    found = answer([v1(*row) for row in rows])
    assert found == [doubled(*row) for row in rows]
    assert model.sizes == [len(row) for row in rows]


def test_a_wrong_request_spoils_no_other(answer):
    requests = [v1(0.25), v1(7), ("v1", "double", b"{"), v1(0.5)]
    good, wrong, broken, other = answer(requests)
    assert (good, other) == (doubled(0.25), doubled(0.5))
    assert wrong[0] == broken[0] == "invalid"
    assert "`x` must be in [0, 1]" in wrong[1]


def test_a_failure_in_a_group_is_that_of_one(answer, model):
    *good, failed = answer([v1(0.25), v1(0.5), v1(0.75), v1(1)])
    assert [state for state, _ in good] == ["ok"] * 3
    assert failed == ("failed", "RuntimeError: out of memory")
    assert model.sizes == [4, 1, 1, 1, 1]


def test_arrays_are_answered_with_arrays(answer):
    x = np.full((3, 2), 0.25, "float32")
    ((state, outputs),) = answer([("v2", "double", {"x": x})])
    assert state == "ok"
    np.testing.assert_array_equal(outputs["y"], 2 * x)


def test_an_unknown_signature_is_invalid(answer):
    ((state, reason),) = answer([("v1", "halve", b'{"instances": [1]}')])
    assert state == "invalid"
    assert '"halve" not found in signature def' in reason
