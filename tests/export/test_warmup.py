import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from keras_attention.export import warmup


def requests(exported):
    file = exported / "saved_model" / "1" / warmup.FILE
    for record in tf.data.TFRecordDataset(str(file)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        assert log.WhichOneof("log_type") == "predict_log"
        yield log.predict_log.request


def test_every_signature_answers_its_request(exported, images):
    directory = exported / "saved_model" / "1"
    signatures = tf.saved_model.load(str(directory)).signatures
    answered = []
    for request in requests(exported):
        name = request.model_spec.signature_name
        inputs = {
            key: tf.constant(tf.make_ndarray(value))
            for key, value in request.inputs.items()
        }
        assert signatures[name](**inputs)["class"].shape == (1,)
        answered.append(name)
    assert sorted(answered) == sorted(signatures)


def test_the_file_is_where_tensorflow_serving_looks(exported):
    folder = exported / "saved_model" / "1" / "assets.extra"
    assert [path.name for path in folder.iterdir()] == [
        "tf_serving_warmup_requests"
    ]
