"""The files for Docker and Kubernetes fit one another and the command.

Neither runs where the tests run: what can be checked is their form, what they
mount where, and that the command takes the arguments they give it.
"""

import json
import pathlib
import re
import subprocess
import sys

import click
import yaml

from keras_attention_cli import serving_commands

FOLDER = pathlib.Path(__file__).parents[2] / "export" / "deploy"
SERVICES = sorted(FOLDER.glob("inference-service-*.yaml"))

# Names the fields of a manifest that the classes of KServe and Kubernetes,
# which are made of their schemas, do not have.
UNKNOWN = r"""
import json, re, sys
manifests = json.load(sys.stdin)
import kserve, kubernetes.client

def unknown(value, kind, path):
    inner = re.fullmatch(r"(?:[Ll]ist\[|[Dd]ict[\[(]str, ?)(.*)[\])]", kind)
    if inner and isinstance(value, list):
        return [f for v in value for f in unknown(v, inner[1], path + "[]")]
    if inner:
        return [f for v in value.values() for f in unknown(v, inner[1], path)]
    for module in (kserve, kubernetes.client):
        if hasattr(module, kind):
            found = getattr(module, kind)
            break
    else:
        return []  # a number or a text
    names = {json_name: name for name, json_name in found.attribute_map.items()}
    return [
        field
        for key, one in value.items()
        for field in (
            unknown(one, found.openapi_types[names[key]], f"{path}.{key}")
            if key in names
            else [f"{path}.{key}"]
        )
    ]

json.dump(
    [unknown(one, "V1beta1InferenceService", "") for one in manifests],
    sys.stdout,
)
"""


def loaded(name):
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))


def settings(arguments):
    """What the command makes of arguments, without running it."""
    with click.Context(serving_commands.serve) as parent:
        context = serving_commands.serve.make_context(
            "serve", list(arguments), parent=parent
        )
    return context.params


def misspelt():
    manifest = loaded("inference-service-custom.yaml")
    (container,) = manifest["spec"]["predictor"]["containers"]
    container["ports"][0]["containrPort"] = 8080
    manifest["spec"]["predictr"] = {}
    return manifest


def test_kserve_knows_every_field_of_its_manifests():
    manifests = [yaml.safe_load(file.read_text("utf-8")) for file in SERVICES]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", UNKNOWN],
        input=json.dumps([*manifests, misspelt()]),
        capture_output=True,
        text=True,
        check=True,
    )
    *found, misspellings = json.loads(done.stdout)
    assert found == [[], []]
    # And it would be noticed.
    assert misspellings == [
        ".spec.predictor.containers[].ports[].containrPort",
        ".spec.predictr",
    ]


def test_there_is_a_manifest_for_each_way():
    assert [file.stem.rpartition("-")[2] for file in SERVICES] == [
        "custom",
        "tensorflow",
    ]


def test_tensorflow_serving_is_given_the_folder_of_versions():
    model = loaded("inference-service-tensorflow.yaml")["spec"]["predictor"]
    assert model["model"]["modelFormat"] == {"name": "tensorflow"}
    assert model["model"]["storageUri"].endswith("/exported/saved_model")
    service = loaded("docker-compose.yml")["services"]["tensorflow-serving"]
    (volume,) = service["volumes"]
    name = service["environment"]["MODEL_NAME"]
    assert volume.endswith(f"/saved_model:/models/{name}:ro")
    # The default of the command: a client need not notice which one answers.
    assert name == settings(["x"])["name"]


def test_the_custom_predictor_runs_the_command_as_the_manifest_says():
    manifest = loaded("inference-service-custom.yaml")
    (container,) = manifest["spec"]["predictor"]["containers"]
    found = settings(container["args"])
    assert found["folder"] == pathlib.Path("/mnt/models")
    assert found["host"] == "0.0.0.0"
    # KServe addresses a model by the name of the service.
    assert found["name"] == manifest["metadata"]["name"]
    (port,) = container["ports"]
    assert found["port"] == port["containerPort"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == found["port"]
    names = [one["name"] for one in container["env"]]
    assert names == ["STORAGE_URI", serving_commands.TOKEN]
    grace = manifest["spec"]["predictor"]["terminationGracePeriodSeconds"]
    assert grace > found["timeout"]


def test_the_image_starts_the_command():
    text = (FOLDER / "Dockerfile").read_text("utf-8")
    entry, arguments = (
        json.loads(re.search(rf"^{word} (.*)$", text, re.MULTILINE)[1])
        for word in ("ENTRYPOINT", "CMD")
    )
    assert entry == ["keras-attention", "serve"]
    found = settings(arguments)
    assert found["folder"] == pathlib.Path("/mnt/models")
    exposed = re.search(r"^EXPOSE (.*)$", text, re.MULTILINE)[1]
    assert exposed.split() == [str(found["port"]), str(found["grpc_port"])]
    assert re.search(r"^USER 1000$", text, re.MULTILINE)


def test_compose_publishes_on_loopback_alone():
    for service in loaded("docker-compose.yml")["services"].values():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:")


def test_compose_builds_the_image_of_this_folder():
    service = loaded("docker-compose.yml")["services"]["keras-attention"]
    context = (FOLDER / service["build"]["context"]).resolve()
    assert (context / "pyproject.toml").exists()
    assert (context / service["build"]["dockerfile"]).samefile(
        FOLDER / "Dockerfile"
    )
