"""The walls of the house: what may import what, and what installs."""

import ast
import pathlib
import subprocess
import sys
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FOLDERS = {
    "keras_attention.training": "training",
    "keras_attention.export": "export",
    "keras_attention_cli": "keras_attention/cli",
}

# What each floor may import of the package: itself, and floors below it.
FLOORS = {
    "ops": {"ops"},
    "policies": {"policies", "ops"},
    "layers": {"layers", "policies", "ops"},
    "models": {"models", "layers", "policies", "ops"},
    "training": {"training", "models", "layers", "policies", "ops", "."},
    "export": {"export", "models", "layers", "policies", "ops", "."},
}

HEAVY = {
    "ai_edge_litert",
    "apache_beam",
    "click",
    "kserve",
    "matplotlib",
    "prometheus_client",
    "sklearn",
    "tensorflow_datasets",
    "tensorflow_probability",
    "uvicorn",
}


def folder_of(package):
    return FOLDERS.get(package, package.replace(".", "/"))


def files_of(package):
    return sorted((ROOT / folder_of(package)).rglob("*.py"))


def package_files():
    folders = ("keras_attention", "training", "export")
    return [file for name in folders for file in files_of(name)]


def imported_by(file, package):
    """Full names of the modules, and of the names in them, it imports."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                above = package.split(".")
                above = above[: len(above) - (node.level - 1)]
                module = ".".join([*above, *filter(None, [module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def floors_imported_by(floor):
    package = f"keras_attention.{floor}"
    for file in files_of(package):
        below = file.parent.relative_to(ROOT / folder_of(package))
        for name in imported_by(file, ".".join([package, *below.parts])):
            top, _, rest = name.partition(".")
            if top == "keras_attention_cli":
                yield "cli"
            elif top == "keras_attention":
                first = rest.split(".")[0]
                # What is not a floor is a name of keras_attention itself.
                yield first if first in (*FLOORS, "cli") else "."


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_go_down_only(floor):
    assert set(floors_imported_by(floor)) <= FLOORS[floor]


def files_that_import(module, files):
    return [
        file.relative_to(ROOT).as_posix()
        for file in files
        if any(
            name.partition(".")[0] == module or name.startswith(f"{module}.")
            for name in imported_by(file, "")
        )
    ]


def test_one_file_knows_tensorflow_probability():
    files = files_that_import("tensorflow_probability", package_files())
    assert files == ["keras_attention/policies/distributions.py"]


def test_one_file_of_the_tests_knows_the_inside_of_keras():
    tests = sorted((ROOT / "tests").rglob("*.py"))
    assert files_that_import("keras.src", tests) == [
        "tests/layers/conformance/test_keras.py"
    ]
    assert files_that_import("keras.src", package_files()) == []


def test_the_list_of_packages_is_the_folders():
    setuptools = PROJECT["tool"]["setuptools"]
    assert setuptools["package-dir"] == FOLDERS
    listed = {folder_of_listed(name) for name in setuptools["packages"]}
    found = {
        file.parent.relative_to(ROOT).as_posix()
        for file in package_files()
        if file.name == "__init__.py"
    }
    assert listed == found


def folder_of_listed(package):
    for name, folder in sorted(FOLDERS.items(), reverse=True):
        if package == name or package.startswith(f"{name}."):
            return folder + package.removeprefix(name).replace(".", "/")
    return package.replace(".", "/")


def test_every_folder_with_modules_is_a_package():
    for file in package_files():
        assert (file.parent / "__init__.py").exists(), file


def test_modules_are_named_after_their_topic():
    vague = {"utils", "helpers", "common", "base", "misc"}
    parts = {
        part
        for file in package_files()
        for part in file.relative_to(ROOT).with_suffix("").parts
    }
    assert not parts & vague


def test_errors_are_raised_not_asserted():
    for file in package_files():
        tree = ast.parse(file.read_text("utf-8"))
        asserts = [n for n in ast.walk(tree) if isinstance(n, ast.Assert)]
        assert not asserts, file


def test_importing_the_package_imports_nothing_that_is_heavy():
    # Keras imports some of them by itself, where they are installed.
    program = """
import sys, keras
before = set(sys.modules)
import keras_attention
print(*set(sys.modules) - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert "keras_attention" in imported
    assert imported & HEAVY == set()
