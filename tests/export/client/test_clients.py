"""Clients of all protocols get from a live server what the file computes."""

import io
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_attention import export
from keras_attention.export import client


@pytest.fixture(params=[client.V1Client, client.V2Client, client.V2GrpcClient])
def one(request, served):
    grpc = request.param is client.V2GrpcClient
    with request.param(served.grpc if grpc else served.url) as one:
        yield one


def encoded(image, kind):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def test_images_are_classified(one, serving_folder, serving_images):
    expected = export.load_exported(serving_folder).predict(serving_images)
    found = one.predict(serving_images)
    assert {name: value.dtype for name, value in found.items()} == {
        name: value.dtype for name, value in expected.items()
    }
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-6)


def test_uint8_stands_for_0_to_255(one, serving_folder):
    images = np.arange(240, dtype="uint8").reshape(2, 12, 10, 1)
    expected = export.load_exported(serving_folder).predict(images)
    np.testing.assert_allclose(
        one.predict(images)["probabilities"],
        expected["probabilities"],
        rtol=1e-6,
    )


def test_files_are_classified(one, serving_folder):
    images = np.arange(240, dtype="uint8").reshape(2, 12, 10)
    expected = export.load_exported(serving_folder).predict(images[..., None])
    found = one.predict_files([encoded(image, "png") for image in images])
    np.testing.assert_allclose(
        found["probabilities"], expected["probabilities"], rtol=1e-6
    )
    assert len(one.predict_files([encoded(images[0], "jpeg")])["class"]) == 1


def test_other_signatures_are_called_by_name(
    one, serving_folder, serving_images
):
    expected = export.load_exported(serving_folder).explain(serving_images)
    found = one.call("explain", image=serving_images)
    np.testing.assert_allclose(found["squares"], expected["squares"])


class Uint8Client(client.Client):
    """Shows what it would send to a model for images of uint8."""

    def is_ready(self):
        return True

    def metadata(self):
        return {"datatype": "UINT8"}

    def call(self, signature, **inputs):
        return inputs

    def close(self):
        pass


def test_a_model_for_uint8_is_sent_uint8():
    with Uint8Client() as one:
        sent = one.predict(np.array([[[[0.0, 0.5, 1.0]]]]))["image"]
        assert sent.dtype == np.uint8
        assert sent.ravel().tolist() == [0, 128, 255]
        assert one.predict(sent)["image"] is sent
        with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
            one.predict(sent * 2.0)


def test_it_tells_what_the_model_takes(one):
    assert one.is_ready()
    assert "image" in str(one.metadata())


def test_what_the_server_refuses_is_said_with_its_reason(one, serving_images):
    status = {400, "INVALID_ARGUMENT"}
    for wrong, reason in (
        (serving_images[:, :5], r"must have the shape \(batch, 12, 10, 1\)"),
        (serving_images + 1, r"must be in \[0, 1\]"),
    ):
        with pytest.raises(client.ServerError, match=reason) as caught:
            one.predict(wrong)
        assert caught.value.status in status
    with pytest.raises(client.ServerError, match="neither PNG nor JPEG"):
        one.predict_files([b"GIF89a"])
    with pytest.raises(client.ServerError, match="other"):
        one.call("other", image=serving_images)
    assert len(one.predict(serving_images)["class"]) == 5


@pytest.mark.parametrize(
    "kind", [client.V1Client, client.V2Client, client.V2GrpcClient]
)
def test_another_model_is_not_ready(kind, served, serving_images):
    grpc = kind is client.V2GrpcClient
    with kind(served.grpc if grpc else served.url, name="other") as one:
        assert not one.is_ready()
        with pytest.raises(client.ServerError, match=r"404|NOT_FOUND"):
            one.predict(serving_images)


def test_a_server_that_is_not_there_is_an_error_of_the_system(serving_images):
    with pytest.raises(OSError, match="refused"):
        client.V1Client("http://127.0.0.1:9").predict(serving_images)


def test_a_url_is_checked():
    with pytest.raises(ValueError, match="must be like http://host:port"):
        client.V1Client("127.0.0.1:8501")


def test_an_array_that_the_protocol_does_not_know_is_refused(served):
    with (
        client.V2Client(served.url) as one,
        pytest.raises(ValueError, match="Received: complex128"),
    ):
        one.call("serving_default", image=np.zeros((1, 12, 10, 1), complex))


def test_the_folder_can_be_copied_and_needs_neither_package_nor_tensorflow(
    served, tmp_path
):
    folder = pathlib.Path(client.__file__).parent
    shutil.copytree(folder, tmp_path / "asking")
    program = f"""
import sys, numpy as np
import asking
images = np.zeros((2, 12, 10, 1), "float32")
for one in (asking.V1Client({served.url!r}), asking.V2Client({served.url!r}),
            asking.V2GrpcClient({served.grpc!r})):
    with one:
        print(len(one.predict(images)["class"]))
print({{"keras", "tensorflow", "keras_attention", "kserve"}} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["2", "2", "2", "set()"]
