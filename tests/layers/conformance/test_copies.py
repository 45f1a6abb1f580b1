"""A layer can be saved, made again from its config, and cloned."""

import copy

import keras


def test_a_file_keeps_it(form, assert_same, tmp_path):
    form.model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_same(again(form.inputs), form.outputs_of_model)


def test_its_config_makes_it_again(form, assert_same):
    config = form.make().get_config()
    given = copy.deepcopy(config)
    again = type(form.layer).from_config(given)
    assert again.get_config() == config
    if not isinstance(form.layer, keras.layers.RNN):  # Keras's changes it
        assert given == config
    again(form.inputs)
    again.set_weights(form.layer.get_weights())
    assert_same(again(form.inputs), form.outputs)


def test_clone_model_copies_it(form, assert_same):
    model = form.model
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert_same(clone(form.inputs), form.outputs_of_model)
    assert not {id(w) for w in clone.weights} & {id(w) for w in model.weights}
