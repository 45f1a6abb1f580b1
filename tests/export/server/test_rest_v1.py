"""Bodies are those that TensorFlow Serving's documentation shows."""

import base64
import json

import numpy as np
import pytest

from keras_attention.export.server import rest_v1

B64 = {"b64": base64.b64encode(b"\x89PNG").decode()}


def inputs_of(body, names=("x",)):
    _, value, in_rows = rest_v1.parse_body(body)
    return rest_v1.named_inputs(value, in_rows, list(names))


def named(request, names):
    return inputs_of(json.dumps(request).encode(), names)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"instances": [[1, 2], [3, 4]]}, {"x": [[1, 2], [3, 4]]}),
        ({"instances": [{"x": [1]}, {"x": [2]}]}, {"x": [[1], [2]]}),
        ({"instances": [B64, B64]}, {"x": [b"\x89PNG"] * 2}),
        ({"instances": [{"x": B64}]}, {"x": [b"\x89PNG"]}),
        ({"inputs": [[1, 2], [3, 4]]}, {"x": [[1, 2], [3, 4]]}),
        ({"inputs": {"x": [[1], [2]]}}, {"x": [[1], [2]]}),
        ({"inputs": {"x": [B64]}}, {"x": [b"\x89PNG"]}),
        ({"inputs": [B64]}, {"x": [b"\x89PNG"]}),
    ],
)
def test_rows_and_columns_are_read(request_, expected):
    assert named(request_, ["x"]) == expected


def test_several_inputs_are_named():
    rows = {"instances": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}
    assert named(rows, ["x", "y"]) == {"x": [1, 3], "y": [2, 4]}
    with pytest.raises(ValueError, match="Each input must be named"):
        named({"instances": [1, 2]}, ["x", "y"])


def test_the_signature_is_the_default_or_the_one_that_is_named():
    def signature(**more):
        body = json.dumps({"instances": [1], **more}).encode()
        return rest_v1.parse_body(body, "explain")[0]

    assert signature() == "explain"
    assert signature(signature_name="sample") == "sample"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "JSON Parse error"),
        (b'{"instances": [NaN]}', "JSON Parse error"),
        (b"[1]", "must be a JSON object. Received: list"),
        (b"{}", 'either "instances" or "inputs"'),
        (b'{"instances": [1], "inputs": [1]}', 'either "instances" or'),
        (b'{"instances": [1], "signature_name": 1}', "must be a string"),
        (b'{"instances": []}', "at least one example"),
        (b'{"instances": 1}', '"instances" must be a list'),
        (b'{"instances": [{"x": 1}, {"y": 1}]}', "with the same names"),
        (b'{"instances": [{"x": 1}, 1]}', "with the same names"),
        (b'{"instances": [{"b64": "?"}]}', '"b64" must be text in base64'),
        (b'{"instances": [{"b64": 7}]}', '"b64" must be text in base64'),
    ],
)
def test_other_bodies_are_refused(body, reason):
    with pytest.raises(ValueError, match=reason):
        inputs_of(body)


def test_answers_are_in_rows_or_in_columns():
    outputs = {
        "class": np.array([1, 0], "int32"),
        "p": np.array([[0.1, 0.9], [0.6, 0.4]], "float32"),
    }
    assert json.loads(rest_v1.body_of(outputs, in_rows=True)) == {
        "predictions": [
            {"class": 1, "p": [0.1, 0.9]},
            {"class": 0, "p": [0.6, 0.4]},
        ]
    }
    assert json.loads(rest_v1.body_of(outputs, in_rows=False)) == {
        "outputs": {"class": [1, 0], "p": [[0.1, 0.9], [0.6, 0.4]]}
    }


def test_a_single_output_has_no_name():
    outputs = {"class": np.array([1, 0], "int32")}
    rows = rest_v1.body_of(outputs, in_rows=True)
    columns = rest_v1.body_of(outputs, in_rows=False)
    assert json.loads(rows) == {"predictions": [1, 0]}
    assert json.loads(columns) == {"outputs": [1, 0]}
