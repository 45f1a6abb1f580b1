"""Serves an exported model with KServe's own Python model server.

The pieces, from the network to the model:

    front process   one event loop: KServe's REST and gRPC server, limits, token
    pool            hands one request at a time to whichever worker is idle
    workers         processes that hold the model; one that dies is replaced,
                    and its request goes to another

Nothing here imports TensorFlow, but a worker that serves a SavedModel.
"""

from .run import serve
from .settings import Settings

__all__ = ["Settings", "serve"]
