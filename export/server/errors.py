"""What goes wrong with a request, and how both protocols call it."""


class ServingError(Exception):
    """A request was not answered; the text says why.

    Attributes:
        status: its HTTP status.
        code: its gRPC status.
    """

    status, code = 500, "INTERNAL"


class BadRequestError(ServingError):
    """What was sent is wrong."""

    status, code = 400, "INVALID_ARGUMENT"


class NotFoundError(ServingError):
    """There is no such model or version."""

    status, code = 404, "NOT_FOUND"


class OverloadedError(ServingError):
    """No worker was free in time."""

    status, code = 503, "UNAVAILABLE"


class TooSlowError(ServingError):
    """The model took too long."""

    status, code = 504, "DEADLINE_EXCEEDED"


class FailedError(ServingError):
    """The model failed, or its process ended each time."""
