"""A live server answers what TensorFlow Serving and KServe's protocols say."""

import base64
import io
import json
import pathlib
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from keras_attention import export


@pytest.fixture(scope="module")
def expected(serving_folder, serving_images):
    return export.load_exported(serving_folder).predict(serving_images)


IPV4_IN_IPV6 = "0000000000000000FFFF0000"


def ask(served, path, body=None, **headers):
    """Status and JSON of the answer; a body makes it a POST."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(served.url + path, body, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def predict(served, request):
    return ask(served, "/v1/models/model:predict", request)


def test_the_status_is_that_of_tensorflow_serving_and_of_kserve(served):
    for path in ("/v1/models/model", "/v1/models/model/versions/1"):
        assert ask(served, path) == (
            200,
            {
                "name": "model",
                "ready": True,
                "model_version_status": [
                    {
                        "version": "1",
                        "state": "AVAILABLE",
                        "status": {"error_code": "OK", "error_message": ""},
                    }
                ],
            },
        )


def test_the_metadata_is_that_of_tensorflow_serving(served):
    _, found = ask(served, "/v1/models/model/metadata")
    assert found["model_spec"]["version"] == "1"
    signatures = found["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["image"] == {
        "dtype": "DT_FLOAT",
        "tensor_shape": {
            "dim": [
                {"size": size, "name": ""} for size in ("-1", "12", "10", "1")
            ],
            "unknown_rank": False,
        },
        "name": "image",
    }
    files = signatures["serve_bytes"]["inputs"]["image_bytes"]
    assert files["dtype"] == "DT_STRING"
    assert ask(served, "/v1/models/model/versions/1/metadata")[1] == found


def test_rows_are_answered_with_predictions(served, serving_images, expected):
    status, found = predict(served, {"instances": serving_images.tolist()})
    assert status == 200
    assert len(found["predictions"]) == len(serving_images)
    for i, row in enumerate(found["predictions"]):
        assert row["class"] == expected["class"][i]
        np.testing.assert_allclose(row["location"], expected["location"][i])
    named = [{"image": image.tolist()} for image in serving_images]
    assert predict(served, {"instances": named})[1] == found


def test_columns_are_answered_with_outputs(served, serving_images, expected):
    columns = serving_images.tolist()
    for inputs in (columns, {"image": columns}):
        status, found = predict(
            served, {"inputs": inputs, "signature_name": "serving_default"}
        )
        assert status == 200
        assert set(found["outputs"]) == set(expected)
        for name, value in found["outputs"].items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-6)


def test_encoded_files_are_read(served, serving_folder):
    buffer = io.BytesIO()
    grey = np.arange(120, dtype="uint8").reshape(12, 10)
    Image.fromarray(grey).save(buffer, "png")
    encoded = {"b64": base64.b64encode(buffer.getvalue()).decode()}
    status, found = predict(
        served, {"signature_name": "serve_bytes", "instances": [encoded]}
    )
    assert status == 200
    reference = export.load_exported(serving_folder)
    answer = reference.predict(grey[None, :, :, None])
    np.testing.assert_allclose(
        found["predictions"][0]["probabilities"],
        answer["probabilities"][0],
        rtol=1e-6,
    )


def test_where_it_looked_is_explained(served, serving_images, serving_folder):
    body = {"instances": serving_images[:2].tolist()}
    status, found = ask(served, "/v1/models/model:explain", body)
    assert status == 200
    expected = export.load_exported(serving_folder).explain(serving_images[:2])
    for i, row in enumerate(found["predictions"]):
        assert set(row) == set(expected)
        np.testing.assert_allclose(row["squares"], expected["squares"][i])
    named = {**body, "signature_name": "explain"}
    assert predict(served, named) == (200, found)


def test_noise_decides_where_a_sample_looks(
    served, serving_images, serving_folder
):
    model = export.load_exported(serving_folder)
    width = model.runtime.signatures["sample"]["noise"][1]
    noise = np.random.default_rng(0).random((2, width), "float32")
    rows = [
        {"image": serving_images[0].tolist(), "noise": row.tolist()}
        for row in noise
    ]
    request = {"signature_name": "sample", "instances": rows}
    one, other = predict(served, request)[1]["predictions"]
    assert one["location"] != other["location"]
    again = predict(served, request)[1]["predictions"]
    assert again == [one, other]
    del rows[0]["noise"], rows[1]["noise"]
    status, found = predict(served, request)
    assert status == 400
    assert "takes ['image', 'noise']. Received: ['image']" in found["error"]


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/v1/models/other", 404, "not found for request: Latest(other)"),
        ("/v1/models/model/versions/2", 404, "request: Specific(model, 2)"),
        ("/v1/models/model/versions/x", 404, "Not Found"),
        ("/v2/models/other", 404, "Model with name other does not exist"),
        ("/v2/models/model/versions/2", 404, "There is no version 2"),
        ("/v1/models/model:predict", 404, "Latest(model:predict)"),
        ("/v2/models/model/infer", 405, "Method Not Allowed"),
        ("/nowhere", 404, "Not Found"),
    ],
)
def test_what_there_is_not_is_not_found(served, path, status, reason):
    found, answer = ask(served, path)
    assert found == status
    assert reason in answer["error"]


def test_the_open_inference_protocol_is_answered_in_json(
    served, serving_images, expected
):
    tensor = {
        "name": "image",
        "shape": list(serving_images.shape),
        "datatype": "FP32",
        "data": serving_images.ravel().tolist(),
    }
    for path in ("/v2/models/model", "/v2/models/model/versions/1"):
        status, found = ask(
            served,
            f"{path}/infer",
            {"id": "7", "inputs": [tensor], "outputs": [{"name": "location"}]},
            content_type="application/json",
        )
        assert status == 200
        assert (found["id"], found["model_version"]) == ("7", "1")
        (output,) = found["outputs"]
        assert output["datatype"] == "FP32"
        np.testing.assert_allclose(
            np.reshape(output["data"], output["shape"]),
            expected["location"],
            rtol=1e-6,
        )


@pytest.mark.parametrize("value", [1, None, True])
def test_what_is_no_file_is_refused_in_the_open_inference_protocol(
    served, value
):
    tensor = {
        "name": "image_bytes",
        "shape": [1],
        "datatype": "BYTES",
        "data": [value],
    }
    status, found = ask(
        served,
        "/v2/models/model/infer",
        {"inputs": [tensor]},
        content_type="application/json",
    )
    assert status == 400
    assert f"files are bytes, or base64 in JSON, not {value}" in found["error"]


def test_unsigned_bytes_stand_for_0_to_255(served, expected, serving_images):
    tensor = {
        "name": "image",
        "shape": [1, 12, 10, 1],
        "datatype": "UINT8",
        "data": [255] * 120,
    }
    _, found = ask(
        served,
        "/v2/models/model/infer",
        {"inputs": [tensor]},
        content_type="application/json",
    )
    ones = {"instances": np.ones((1, 12, 10, 1)).tolist()}
    (row,) = predict(served, ones)[1]["predictions"]
    outputs = {one["name"]: one["data"] for one in found["outputs"]}
    np.testing.assert_allclose(
        outputs["probabilities"], row["probabilities"], rtol=1e-6
    )


def test_metadata_and_readiness_of_the_open_inference_protocol(served):
    assert ask(served, "/v2/health/live") == (200, {"live": True})
    assert ask(served, "/v2/health/ready") == (200, {"ready": True})
    ready = {"name": "model", "ready": True}
    assert ask(served, "/v2/models/model/ready") == (200, ready)
    assert ask(served, "/v2/models/model/versions/1/ready") == (200, ready)
    _, found = ask(served, "/v2/models/model")
    image = {"name": "image", "datatype": "FP32", "shape": [-1, 12, 10, 1]}
    assert found["inputs"] == [image]
    assert {"name": "class", "datatype": "INT32", "shape": [-1]} in found[
        "outputs"
    ]


def test_clients_cannot_unload_the_model(served):
    for verb in ("load", "unload"):
        status, found = ask(served, f"/v2/repository/models/model/{verb}", b"")
        assert status == 400
        assert "serves one model, from start to end" in found["error"]
    assert ask(served, "/v2/health/ready")[0] == 200


def test_prometheus_is_told_of_requests_and_workers(served, serving_images):
    predict(served, {"instances": serving_images.tolist()})
    count = r'request_predict_seconds_count\{model_name="model"\}'
    before = served.metric(count)
    predict(served, {"instances": serving_images.tolist()})
    assert served.metric(count) == before + 1
    assert served.metric(
        r'keras_attention_http_responses_total\{status="200"\}'
    )
    assert served.metric("keras_attention_workers_ready") == 2
    assert served.metric("keras_attention_requests_waiting") == 0


def test_serving_a_tflite_file_loads_no_tensorflow(served):
    for process in (served.process.pid, *served.workers):
        loaded = pathlib.Path(f"/proc/{process}/maps").read_text()
        assert "python" in loaded
        assert "libtensorflow" not in loaded


def test_a_saved_model_is_served_alike(start_server, serving_images, expected):
    arguments = ("--format", "saved_model", "--workers", "1")
    with start_server(*arguments) as served:
        found = predict(served, {"inputs": serving_images.tolist()})[1]
        for name, value in found["outputs"].items():
            np.testing.assert_allclose(value, expected[name], atol=1e-5)


def test_it_listens_on_loopback_alone(served):
    addresses = set()
    for table in ("tcp", "tcp6"):
        lines = pathlib.Path(f"/proc/{served.process.pid}/net/{table}")
        for line in lines.read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if int(port, 16) in (port_of(served.url), port_of(served.grpc)):
                addresses.add(address.removeprefix(IPV4_IN_IPV6))
    assert addresses == {"0100007F"}  # 127.0.0.1, the last byte first


def port_of(address):
    return int(address.rpartition(":")[2])
