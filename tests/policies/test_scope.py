import threading

import numpy as np
import pytest

import keras_attention
from keras_attention import layers
from keras_attention.policies import scope


def name_in_force(training=False):
    return scope.current_policy(training).name


def test_outside_scopes_training_samples_and_the_rest_takes_the_mode():
    assert name_in_force(training=True) == "sample"
    assert name_in_force(training=False) == "mode"
    assert scope.policy_scope() is None


@pytest.mark.parametrize("name", ["sample", "mode", "random", "center"])
def test_a_scope_decides_in_training_and_out_of_it(name):
    with keras_attention.policy(name):
        assert name_in_force(training=True) == name
        assert name_in_force(training=False) == name
    assert scope.policy_scope() is None


def test_an_inner_scope_replaces_the_outer_one():
    with keras_attention.policy("random"):
        with keras_attention.policy(location=[0.5, 0.5]):
            assert name_in_force() is None
            assert scope.current_policy(False).location == [0.5, 0.5]
        assert name_in_force() == "random"


def test_an_exception_closes_the_scope():
    with pytest.raises(KeyError), keras_attention.policy("random"):
        raise KeyError
    assert scope.policy_scope() is None


def test_scopes_may_close_in_any_order():
    """As those of two threads do."""
    one, other = (
        keras_attention.policy("center"),
        keras_attention.policy("mode"),
    )
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert name_in_force(training=True) == "mode"
    other.__exit__(None, None, None)
    assert scope.policy_scope() is None


def test_a_policy_reaches_other_threads():
    seen = []
    with keras_attention.policy("center"):
        thread = threading.Thread(target=lambda: seen.append(name_in_force()))
        thread.start()
        thread.join()
    assert seen == ["center"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "name=None, location=None, indices=None"),
        ({"name": "argmax"}, "name='argmax'"),
        ({"name": ""}, "name=''"),
        ({"name": "mode", "location": [0, 0]}, r"location=\[0, 0\]"),
        ({"location": [0, 0], "indices": [1]}, r"indices=\[1\]"),
    ],
)
def test_a_policy_that_is_not_one_is_an_error(arguments, message):
    with (
        pytest.raises(ValueError, match=message),
        keras_attention.policy(**arguments),
    ):
        pass
    assert scope.policy_scope() is None


def test_a_name_that_is_recorded_again_is_numbered():
    with keras_attention.record_attention() as attention:
        for value in (1, 2, 3):
            scope.record("look", {"location": value})
        scope.record("listen", {"location": 4})
    assert attention == {
        "look": {"location": 1},
        "look_1": {"location": 2},
        "look_2": {"location": 3},
        "listen": {"location": 4},
    }


def test_an_outer_recorder_hears_what_an_inner_one_hears():
    with keras_attention.record_attention() as outer:
        scope.record("before", {})
        with keras_attention.record_attention() as inner:
            scope.record("within", {})
        scope.record("after", {})
    assert list(outer) == ["before", "within", "after"]
    assert list(inner) == ["within"]


def test_an_exception_closes_the_recorder():
    with (
        pytest.raises(KeyError),
        keras_attention.record_attention() as attention,
    ):
        raise KeyError
    scope.record("later", {})
    assert attention == {}


def test_threads_record_apart():
    def record_in_thread():
        with keras_attention.record_attention() as own:
            scope.record("there", {})
        heard.append(own)

    heard = []
    with keras_attention.record_attention() as here:
        thread = threading.Thread(target=record_in_thread)
        thread.start()
        thread.join()
    assert here == {}
    assert heard == [{"there": {}}]


def test_a_layer_that_is_called_twice_is_there_twice():
    look = layers.RecurrentAttention(
        layers.GlimpseCell(4), num_glimpses=2, name="look"
    )
    images = np.zeros((3, 8, 8, 1), "float32")
    with keras_attention.record_attention() as attention:
        look(images)
        look(images)
    assert list(attention) == ["look", "look_1"]
    assert attention["look_1"]["location"].shape == (3, 2, 2)
