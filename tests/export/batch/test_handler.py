import pickle

import numpy as np
import pytest

from keras_attention.export.batch import SavedModelHandler


@pytest.mark.parametrize("part", ["", "saved_model/1"])
def test_it_answers_as_the_saved_model_does(exported, images, part):
    handler = SavedModelHandler(str(exported / part), list("abcdefghij"))
    handler = pickle.loads(pickle.dumps(handler))
    model = handler.load_model()
    assert model.format == "saved_model"
    found = handler.run_inference(list(images[:5]), model)
    expected = model.predict(images[:5])
    for i, answer in enumerate(found):
        label = int(expected["class"][i])
        assert answer["class"] == label
        assert answer["label"] == "abcdefghij"[label]
        assert answer["probability"] == expected["probabilities"][i].max()
        np.testing.assert_array_equal(
            np.float32(answer["location"]), expected["location"][i]
        )


def test_batches_are_of_one_size_and_their_bytes_are_counted():
    handler = SavedModelHandler("exported")
    assert handler.batch_elements_kwargs() == {
        "min_batch_size": 64,
        "max_batch_size": 64,
    }
    assert handler.get_num_bytes([np.zeros((4, 4, 1), "float32")] * 3) == 192
