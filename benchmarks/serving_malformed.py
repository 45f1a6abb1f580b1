"""What `keras-attention serve` answers to a thousand wrong requests.

    python benchmarks/serving_malformed.py EXPORTED

Starts a server of EXPORTED, a folder that `keras-attention export` wrote, and
sends every kind of wrong request that is listed here in turn: each must be
answered with a 4xx status and a reason in JSON, no worker may end, and the
server must answer a right request after all.
"""

import argparse
import asyncio
import base64
import collections
import gzip
import io
import json
import pathlib
import signal
import struct
import subprocess
import sys
import urllib.parse
import urllib.request
import zlib

# Seconds that the server gives a client; slow ones take longer.
TIMEOUT = 2.0
AT_ONCE = 16
PREDICT = "/v1/models/model:predict"
INFER = "/v2/models/model/infer"
# Of the image in a decompression bomb.
BOMB_SIDE = 60_000


def http(body, path=PREDICT, **headers):
    """The bytes of a POST request."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {
        "host": "localhost",
        "content-length": str(len(body)),
        "content-type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"POST {path} HTTP/1.1", *lines, "", ""])
    return head.encode() + body


def image_of(shape, value=0.5):
    """Nested lists of the shape, all of one value."""
    for side in reversed(shape):
        value = [value] * side
    return value


def file_request(content):
    """A request for the class of an encoded file."""
    encoded = base64.b64encode(content).decode()
    return http(
        {"signature_name": "serve_bytes", "instances": [{"b64": encoded}]}
    )


def png():
    """A small PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "png")
    return file.getvalue()


def bomb():
    """A PNG file of a few kilobytes with billions of pixels."""

    def chunk(name, content):
        check = zlib.crc32(name + content)
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", check)
        )

    head = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(2_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def v2(**changes):
    """A request of V2, changed."""
    tensor = {
        "name": "image",
        "shape": [1, 1, 1, 1],
        "datatype": "FP32",
        "data": [0.5],
    }
    return http({"inputs": [{**tensor, **changes}]}, INFER)


def wrong_requests(shape):
    """Bytes to send for each kind of wrong request, by what is wrong.

    Args:
        shape: (H, W, C) of the images that are right.
    """
    right = image_of(shape)
    return {
        **wrong_bodies(shape, right),
        **wrong_names(right),
        **wrong_files(),
        **wrong_in_v2(shape),
        **wrong_http(),
    }


def wrong_bodies(shape, right):
    """Wrong JSON, and wrong images in right JSON."""
    return {
        "no JSON": http(b"{'instances': [1]}"),
        "JSON cut off": http(b'{"instances": [[1.0, 2.'),
        "no object": http([1, 2]),
        "deep JSON": http(b"[" * 100_000),
        "no UTF-8": http(b'{"instances": ["\xff\xfe"]}'),
        "no instances": http({"examples": [right]}),
        "instances and inputs": http({"instances": [right], "inputs": [right]}),
        "no list": http({"instances": 3}),
        "no examples": http({"instances": []}),
        "wrong shape": http({"instances": [right[:-1]]}),
        "no batch": http({"inputs": right}),
        "ragged": http({"instances": [[*right[:-1], right[0][:-1]]]}),
        "NaN": http(
            json.dumps({"instances": [image_of(shape, "?")]})
            .replace('"?"', "NaN")
            .encode()
        ),
        "infinite": http({"instances": [image_of(shape, 1e300)]}),
        "out of range": http({"instances": [image_of(shape, 255)]}),
        "text": http({"instances": [image_of(shape, "0.5")]}),
        "null": http({"instances": [image_of(shape, None)]}),
        "too many": http({"instances": [0] * 100_000}),
    }


def wrong_names(right):
    """Inputs, signatures, models and paths that are not there."""
    other = "/v1/models/other:predict"
    return {
        "wrong name": http({"instances": [{"picture": right}]}),
        "mixed names": http({"instances": [{"image": right}, {"x": right}]}),
        "no such signature": http(
            {"instances": [right], "signature_name": "other"}
        ),
        "signature no name": http({"instances": [right], "signature_name": 7}),
        "no such model": http({"instances": [right]}, other),
        "no such version": http(
            {"instances": [right]}, "/v1/models/model/versions/99:predict"
        ),
        "no such verb": http({"instances": [right]}, "/v1/models/model:paint"),
        "no such path": http({"instances": [right]}, "/v3"),
        "no such method": http(b"").replace(b"POST", b"DELETE", 1),
    }


def wrong_files():
    """What cannot be decoded."""
    return {
        "no base64": http(
            {"signature_name": "serve_bytes", "instances": [{"b64": "\u00fc"}]}
        ),
        "no image": file_request(b"no image"),
        "empty image": file_request(b""),
        "image cut off": file_request(png()[:-30]),
        "GIF": file_request(b"GIF89a" + bytes(20)),
        "decompression bomb": file_request(bomb()),
        "numbers for files": http(
            {"signature_name": "serve_bytes", "instances": [3]}
        ),
    }


def wrong_in_v2(shape):
    """Wrong requests of the Open Inference Protocol."""
    octets = "application/octet-stream"
    return {
        "NaN in V2": http(
            {
                "inputs": [
                    {
                        "name": "image",
                        "shape": [1, *shape],
                        "datatype": "FP32",
                        "data": image_of(shape, float("nan")),
                    }
                ]
            },
            INFER,
        ),
        "V2: wrong shape": v2(shape=[1, 2]),
        "V2: negative shape": v2(shape=[-5]),
        "V2: no data": v2(data=None),
        "V2: wrong type": v2(datatype="COMPLEX"),
        "V2: wrong name": v2(name="picture"),
        "V2: numbers for files": v2(
            name="image_bytes", shape=[1], datatype="BYTES", data=[1]
        ),
        "V2: null for a file": v2(
            name="image_bytes", shape=[1], datatype="BYTES", data=[None]
        ),
        "V2: no inputs": http({"inputs": []}, INFER),
        "V2: no JSON": http(b"{", INFER),
        "V2: no size": http(b"{}", INFER, content_type=octets),
        "V2: wrong size": http(
            b"{}",
            INFER,
            content_type=octets,
            inference_header_content_length="x",
        ),
        "V2: no tensors": http(
            b"{}",
            INFER,
            content_type=octets,
            inference_header_content_length="2",
        ),
        "V2: unload": http(b"", "/v2/repository/models/model/unload"),
    }


def wrong_http():
    """What is too large, too slow, or no HTTP at all."""
    return {
        "50 MB": http(b"0" * 50_000_000),
        "50 MB in pieces": http(b"", transfer_encoding="chunked").replace(
            b"content-length: 0\r\n", b""
        )
        + b"2faf080\r\n"
        + b"0" * 50_000_000
        + b"\r\n0\r\n\r\n",
        "packed": http(
            gzip.compress(b"0" * 10_000_000), content_encoding="gzip"
        ),
        "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 3,
        "endless head": b"GET / HTTP/1.1\r\nx: " + b"y" * 500_000,
        "slow head": b"POST " + PREDICT.encode(),
        "slow body": http(b"0" * 100)[:-50],
    }


async def answer(url, request):
    """The status and the body of the answer to bytes."""
    where = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        size = head.lower().partition(b"content-length: ")[2].split(b"\r")[0]
        return int(head[9:12]), await reader.readexactly(int(size))
    finally:
        writer.transport.abort()


async def send_all(url, shape, number):
    """Sends `number` wrong requests; what went wrong, and the statuses."""
    places = asyncio.Semaphore(AT_ONCE)
    kinds = list(wrong_requests(shape).items())
    statuses, failures = collections.defaultdict(collections.Counter), []

    async def send(kind, request):
        async with places:
            try:
                async with asyncio.timeout(TIMEOUT + 58):
                    status, body = await answer(url, request)
            except (OSError, EOFError, TimeoutError) as error:
                failures.append(f"{kind}: {type(error).__name__}: {error}")
                return
        statuses[kind][status] += 1
        if not 400 <= status < 500 or not body.startswith(b'{"error":"'):
            failures.append(f"{kind}: {status} {body[:200]!r}")

    await asyncio.gather(*(send(*kinds[i % len(kinds)]) for i in range(number)))
    return failures, statuses


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exported", type=pathlib.Path)
    parser.add_argument("--requests", type=int, default=1000)
    options = parser.parse_args(arguments)

    card = json.loads((options.exported / "model_card.json").read_text())
    shape = card["input"]["shape"][1:]
    server = subprocess.Popen(
        [
            *(pathlib.Path(sys.executable).with_name("keras-attention"),),
            *("serve", options.exported, "--timeout", str(TIMEOUT)),
            *("--port", "0", "--grpc-port", "0", "--json"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = json.loads(server.stdout.readline())["url"]
        failures, statuses = asyncio.run(send_all(url, shape, options.requests))
        status, _ = asyncio.run(
            answer(url, http({"instances": [image_of(shape)]}))
        )
        metrics = urllib.request.urlopen(f"{url}/metrics").read().decode()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    for kind, counts in sorted(statuses.items()):
        print(f"{kind:22} {dict(counts)}")
    replaced = "keras_attention_workers_replaced_total 0.0" not in metrics
    print(
        f"{options.requests} requests, {len(failures)} not answered as they "
        f"should; a right one after them: {status}; workers "
        f"{'ENDED' if replaced else 'all lived'}"
    )
    print(*failures[:20], sep="\n")
    return 1 if failures or replaced or status != 200 else 0


if __name__ == "__main__":
    # So that the servers end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    sys.exit(main())
