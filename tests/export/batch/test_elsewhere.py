"""Images and outputs that are not here, and runners that are not Beam's own."""

import os
import pathlib
import shutil

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem
from apache_beam.runners.portability.local_job_service import (
    LocalJobServicer,
)

from keras_attention.export.batch import predict_images


class FakeFileSystem(LocalFileSystem):
    """Objects with names that begin with fake://, as those of a cloud."""

    root = pathlib.Path()

    @classmethod
    def scheme(cls):
        return "fake"

    def _local(self, path):
        return path.replace("fake://", f"{self.root}/")

    def has_dirs(self):
        return False

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *paths])

    def _list(self, prefix):
        # Of objects all with a prefix are listed.
        for file in sorted(filter(os.path.isfile, self.root.rglob("*"))):
            path = f"fake://{file.relative_to(self.root)}"
            if path.startswith(prefix):
                yield FileMetadata(path, 1)

    def _path_open(self, path, *arguments, **options):
        return super()._path_open(self._local(path), *arguments, **options)

    def create(self, path, *arguments, **options):
        os.makedirs(os.path.dirname(self._local(path)), exist_ok=True)
        return self._path_open(path, "wb", *arguments, **options)

    def rename(self, sources, destinations):
        for source, destination in zip(sources, destinations, strict=True):
            os.rename(self._local(source), self._local(destination))

    def exists(self, path):
        return os.path.isfile(self._local(path))

    def size(self, path):
        return os.path.getsize(self._local(path))

    def metadata(self, path):
        return FileMetadata(path, self.size(path))

    def delete(self, paths):
        for path in paths:
            os.remove(self._local(path))


def test_images_and_output_may_be_on_a_file_system_that_beam_knows(
    exported, folder, tmp_path, batch, monkeypatch, lines, assert_same
):
    monkeypatch.setattr(FakeFileSystem, "root", tmp_path)
    shutil.copytree(folder, tmp_path / "bucket" / "scans")
    done = predict_images(
        exported, ["fake://bucket/scans/"], "fake://bucket/out"
    )
    assert done["predictions"] == "fake://bucket/out/predictions.jsonl"
    assert done["num_predictions"] == 20
    found = lines(tmp_path / "bucket/out/predictions.jsonl")
    assert found[0]["image"] == "fake://bucket/scans/00.png"
    for line in found:
        line["image"] = line["image"].replace(
            "fake://bucket/scans", str(folder)
        )
    assert_same(found, lines(batch[1] / "predictions.jsonl")[:20])
    failures = lines(tmp_path / "bucket/out/failures.jsonl")
    assert len(failures) == 3
    assert "neither PNG nor JPEG" in failures[0]["reason"]


def test_other_runners_are_reached_by_their_options(
    exported, folder, tmp_path, batch, lines, assert_same
):
    """As Flink and Spark are: through the protocol of a job server."""
    server = LocalJobServicer(staging_dir=str(tmp_path))
    port = server.start_grpc_server(0)
    options = [
        "--runner=PortableRunner",
        f"--job_endpoint=localhost:{port}",
        "--environment_type=LOOPBACK",
    ]
    done = predict_images(
        exported, [folder], tmp_path / "out", beam_options=options
    )
    server.stop()
    found = lines(done["predictions"])
    assert_same(found, lines(batch[1] / "predictions.jsonl")[:20])
