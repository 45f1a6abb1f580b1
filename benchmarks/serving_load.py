"""What `keras-attention serve` bears, on loopback, beside a constant answer.

    python benchmarks/serving_load.py EXPORTED
    python benchmarks/serving_load.py EXPORTED --kill-worker

EXPORTED is a folder that `keras-attention export` wrote. Two servers are
started: of that folder, and of one whose TFLite file has the same signature
and answers a constant without looking. Clients on connections that stay open
send one image after another (V1, JSON), to one server and then to the other,
in rounds. Every answer is compared, byte by byte, with the one to the same
image before the load. With `--kill-worker` one worker is killed in the middle
of the first round; no request may notice.

Everything ends after `--seconds` for each server, plus seconds to start.
"""

import argparse
import asyncio
import contextlib
import functools
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import numpy as np
import psutil
import uvloop

NUM_IMAGES = 64
# What has not been answered by then counts as lost.
PATIENCE = 60.0


class Connection(asyncio.Protocol):
    """A client that sends one request after another over one connection."""

    def __init__(self):
        self._answer, self._buffer = None, b""

    @classmethod
    async def open(cls, url):
        where = urllib.parse.urlsplit(url)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            cls, where.hostname, where.port
        )
        return connection

    def connection_made(self, transport):
        self._transport = transport

    def connection_lost(self, exc):
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionError("closed"))

    def data_received(self, data):
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        size = int(head.lower().partition(b"content-length: ")[2].split()[0])
        if len(rest) >= size:
            self._buffer = rest[size:]
            self._answer.set_result((int(head[9:12]), rest[:size]))

    async def ask(self, request):
        """Status and body of the answer to the bytes of a request."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self):
        self._transport.close()


class Tally:
    """What became of the requests."""

    def __init__(self):
        self.latencies, self.errors, self.lost = [], 0, 0
        self.seconds = self.cpu_seconds = 0.0

    @property
    def throughput(self):
        return len(self.latencies) / self.seconds

    def report(self):
        p50, p99 = 1000 * np.percentile(self.latencies, [50, 99])
        return {
            "requests": len(self.latencies) + self.errors + self.lost,
            "per_second": round(self.throughput, 1),
            "p50_ms": round(p50, 2),
            "p99_ms": round(p99, 2),
            "p99_over_p50": round(p99 / p50, 2),
            "cpu_ms": round(1000 * self.cpu_seconds / len(self.latencies), 3),
            "errors": self.errors,
            "lost": self.lost,
        }


async def client(url, requests, expected, number, until, tally):
    """Sends requests until it is time; counts what comes back."""
    connection, i = await Connection.open(url), number
    while time.perf_counter() < until:
        i = (i + 1) % len(requests)
        start = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await connection.ask(requests[i])
        except (ConnectionError, TimeoutError):
            tally.lost += 1
            connection.close()
            connection = await Connection.open(url)
            continue
        if answer == (200, expected[i]):
            tally.latencies.append(time.perf_counter() - start)
        else:
            tally.errors += 1
    connection.close()


async def load(url, requests, expected, num_clients, seconds, tally, middle):
    """One round: all clients at once; `middle` is called half-way."""
    start = time.perf_counter()
    clients = [
        client(url, requests, expected, i, start + seconds, tally)
        for i in range(num_clients)
    ]
    if middle:
        asyncio.get_running_loop().call_later(seconds / 2, middle)
    await asyncio.gather(*clients)
    tally.seconds += time.perf_counter() - start


async def answers(url, requests):
    """The body of the answer to each request."""
    connection, bodies = await Connection.open(url), []
    for request in requests:
        status, body = await connection.ask(request)
        if status != 200:
            raise SystemExit(f"{status}: {body.decode()}")
        bodies.append(body)
    connection.close()
    return bodies


def blurred_images(shape):
    """(N, H, W, C) float32 in [0, 1]: blobs, as digits are, mostly black."""
    height, width = shape[:2]
    random = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    images = np.zeros((NUM_IMAGES, *shape), np.float32)
    for image in images:
        for cy, cx in random.uniform(0, 1, (5, 2)) * (height, width):
            distance = (y - cy) ** 2 + (x - cx) ** 2
            image += np.exp(-distance / height)[..., None]
    return np.round(np.clip(images, 0, 1) * 255) / np.float32(255)


def request_of(url, image):
    """The bytes of a V1 request for one image."""
    values = np.round(image.astype("float64"), 4).tolist()
    body = json.dumps({"instances": [values]}, separators=(",", ":")).encode()
    where = urllib.parse.urlsplit(url)
    head = (
        f"POST /v1/models/model:predict HTTP/1.1\r\nHost: {where.netloc}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def write_constant(folder, exported):
    """A folder like `exported`, whose model answers without looking.

    It gives what the model there gives for black, so that answers are as long.
    """
    import tensorflow as tf

    from keras_attention import export

    model = export.load_exported(exported)
    shape = [1, *model.input_shape]
    black = model.predict(np.zeros(shape, "float32"))
    outputs = {name: tf.constant(value[0]) for name, value in black.items()}

    @tf.function(
        input_signature=[tf.TensorSpec([None, *shape[1:]], name="image")]
    )
    def answer(image):
        size = tf.shape(image)[:1]
        # TFLite drops an input that no output depends on.
        nothing = image[0, 0, 0, 0] * 0
        return {
            name: tf.broadcast_to(value, tf.concat([size, value.shape], 0))
            + tf.cast(nothing, value.dtype)
            for name, value in outputs.items()
        }

    module = tf.Module()
    module.answer = answer
    with tempfile.TemporaryDirectory() as saved:
        tf.saved_model.save(module, saved, {"serving_default": answer})
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        (folder / "model.tflite").write_bytes(converter.convert())


@contextlib.contextmanager
def server(folder, workers):
    """A running server: its process and its URL."""
    command = [
        *(pathlib.Path(sys.executable).with_name("keras-attention"), "serve"),
        *(folder, "--workers", str(workers)),
        *("--port", "0", "--grpc-port", "0", "--json"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def workers_of(process):
    return {child.pid for child in psutil.Process(process.pid).children()}


def cpu_seconds(process):
    """Of a server and its workers, those that have ended too."""
    front = psutil.Process(process.pid)
    return sum(front.cpu_times()[:4]) + sum(
        sum(worker.cpu_times()[:2]) for worker in front.children()
    )


def metric(url, name):
    text = urllib.request.urlopen(f"{url}/metrics").read().decode()
    (line,) = (one for one in text.splitlines() if one.startswith(name + " "))
    return float(line.split()[1])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exported", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=60, help="each server")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kill-worker", action="store_true")
    options = parser.parse_args(arguments)

    card = json.loads((options.exported / "model_card.json").read_text())
    images = blurred_images(card["input"]["shape"][1:])
    with tempfile.TemporaryDirectory() as folder:
        write_constant(pathlib.Path(folder), options.exported)
        with (
            server(options.exported, options.workers) as real,
            server(folder, options.workers) as constant,
        ):
            process, url = real
            before = workers_of(process)
            tallies = uvloop.run(
                measure(options, images, {"real": real, "constant": constant})
            )
            after = workers_of(process)
            replaced = metric(url, "keras_attention_workers_replaced_total")
            repeated = metric(url, "keras_attention_requests_repeated_total")
    for name, tally in tallies.items():
        print(json.dumps({"server": name, **tally.report()}))
    ratio = tallies["real"].throughput / tallies["constant"].throughput
    print(
        json.dumps(
            {
                "throughput_of_constant": round(ratio, 3),
                "workers_before": sorted(before),
                "workers_after": sorted(after),
                "workers_replaced": replaced,
                "requests_repeated": repeated,
            }
        )
    )


async def measure(options, images, servers):
    """Loads both servers in turns; a tally of each."""
    tallies = {name: Tally() for name in servers}
    requests, expected = {}, {}
    for name, (_, url) in servers.items():
        requests[name] = [request_of(url, image) for image in images]
        expected[name] = await answers(url, requests[name])
    for number in range(options.rounds):
        for name, (process, url) in servers.items():
            kills = options.kill_worker and number == 0 and name == "real"
            before = cpu_seconds(process)
            await load(
                url,
                requests[name],
                expected[name],
                options.clients,
                options.seconds / options.rounds,
                tallies[name],
                functools.partial(kill_one, process) if kills else None,
            )
            tallies[name].cpu_seconds += cpu_seconds(process) - before
    return tallies


def kill_one(process):
    os.kill(min(workers_of(process)), signal.SIGKILL)


if __name__ == "__main__":
    # So that the servers end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    main()
