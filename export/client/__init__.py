"""Clients of a served model, for three protocols with one interface.

`V1Client` speaks to `keras-attention serve` and to TensorFlow Serving alike.
The folder needs NumPy, and gRPC for its client, and nothing else of this
package: it can be copied to where predictions are wanted.
"""

from .calls import Client, ServerError
from .v1 import V1Client
from .v2 import V2Client
from .v2_grpc import V2GrpcClient

__all__ = [
    "Client",
    "ServerError",
    "V1Client",
    "V2Client",
    "V2GrpcClient",
]
