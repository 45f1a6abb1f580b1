import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.request

import keras
import numpy as np
import psutil
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from sklearn import datasets

from keras_attention import export, layers, models


@pytest.fixture(scope="session")
def images():
    """Real digits, 28x28, float32 in [0, 1]."""
    digits = datasets.load_digits().images[:200, :, :, None] / 16
    resized = keras.ops.image.resize(digits.astype("float32"), (28, 28))
    return np.clip(keras.ops.convert_to_numpy(resized), 0, 1)


@pytest.fixture(scope="session")
def model(images):
    keras.utils.set_random_seed(1)
    model = models.ram(
        input_shape=(28, 28, 1), num_glimpses=3, glimpse_size=8, num_scales=2
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    labels = datasets.load_digits().target[:200]
    model.fit(images, labels, batch_size=100, verbose=0)
    return model


@pytest.fixture(scope="session")
def labels():
    """The classes of the images."""
    return datasets.load_digits().target[:200]


@pytest.fixture(scope="session")
def exported(model, images, labels, tmp_path_factory):
    """A folder that is exported once, in all formats; tests only read it."""
    out = tmp_path_factory.mktemp("export") / "digits"
    export.export_model(
        model,
        out,
        examples=(images, labels),
        formats=("float16", "dynamic_range", "int8", "onnx", "web"),
        metadata={"accuracy": 0.5},
        max_accuracy_drop=100,  # it is hardly trained
    )
    return out


@pytest.fixture
def classifier():
    """A model of one layer, quick to export."""
    layers = [
        keras.Input((6, 6, 1)),
        keras.layers.Flatten(),
        keras.layers.Dense(3, bias_initializer="ones"),
    ]
    return keras.Sequential(layers, name="tiny")


@pytest.fixture
def examples():
    """What the small model takes."""
    return np.linspace(0, 1, 2 * 36, dtype="float32").reshape(2, 6, 6, 1)


CHECKED = {"latency_ms": 1.0, "bytes": 1, "class_agreement": 1.0}


@pytest.fixture
def unchecked(monkeypatch):
    """Leaves out the checks in processes of their own, which take seconds."""
    parity = {
        "examples": 2,
        "largest_difference": 0.0,
        "moved_by_rounding": 0,
    }
    monkeypatch.setattr(
        "keras_attention.export.verify.verify_export", lambda *_: parity
    )
    monkeypatch.setattr(
        "keras_attention.export.kinds.measured", lambda *_: dict(CHECKED)
    )


@pytest.fixture
def operations():
    """Names the operations of a TFLite file, as they are in the file."""

    def names(file):
        interpreter = Interpreter(
            model_path=str(file),
            experimental_op_resolver_type=(
                OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            ),
        )
        return {one["op_name"] for one in interpreter._get_ops_details()}

    return names


@pytest.fixture(scope="session")
def serving_folder(tmp_path_factory):
    """An export of a small model that looks twice, made once; read only."""
    keras.utils.set_random_seed(3)
    model = models.ram(
        (12, 10, 1),
        num_glimpses=2,
        glimpse_size=4,
        core=keras.layers.SimpleRNNCell(8, "relu"),
        glimpse_network=layers.GlimpseNetwork(4, 4, 8),
    )
    out = tmp_path_factory.mktemp("serving") / "exported"
    directory = out / "saved_model" / "1"
    directory.parent.mkdir(parents=True)
    export.export_saved_model(model, directory)
    export.export_tflite(model, out / "model.tflite")
    return out


@pytest.fixture(scope="session")
def serving_images():
    """What that model takes: five smooth images."""
    y, x = np.mgrid[:12, :10] / 12
    waves = [np.sin(k * x) * np.cos(k * y) for k in range(1, 6)]
    return np.abs(np.array(waves, "float32"))[..., None]


class Served:
    """A server that runs in a process of its own."""

    def __init__(self, folder, arguments, environment):
        script = pathlib.Path(sys.executable).with_name("keras-attention")
        command = [script, "serve", folder, "--port", "0", "--grpc-port", "0"]
        self.process = subprocess.Popen(
            [*command, "--json", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def wait_until_ready(self):
        where = json.loads(self.process.stdout.readline())
        self.url, self.grpc = where["url"], where["grpc"]

    @property
    def workers(self):
        return {
            child.pid for child in psutil.Process(self.process.pid).children()
        }

    def metric(self, name):
        with urllib.request.urlopen(f"{self.url}/metrics") as answer:
            text = answer.read().decode()
        found = re.search(rf"^{name} (.*)$", text, re.MULTILINE)
        return float(found[1])


@pytest.fixture(scope="session")
def start_server(serving_folder):
    """A function that starts a server, for a with statement."""

    @contextlib.contextmanager
    def start(*arguments, folder=serving_folder, **environment):
        served = Served(folder, arguments, environment)
        try:
            served.wait_until_ready()
            yield served
        finally:
            served.process.kill()
            served.process.communicate()

    return start


@pytest.fixture(scope="session")
def served(start_server):
    """A server of the small model that all tests share."""
    with start_server() as running:
        yield running
