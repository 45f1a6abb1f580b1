"""Answers requests in a worker: reads them, runs the model, writes."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from . import rest_v1
from .inputs import checked_inputs
from .signatures import Arrays, Signature

Answer = tuple[str, Any]


@dataclasses.dataclass(frozen=True)
class _Prepared:
    """A request that was found right."""

    signature: Signature
    inputs: dict[str, Any]
    write: Callable[[Arrays], Any]

    @property
    def is_single(self) -> bool:
        return all(len(value) == 1 for value in self.inputs.values())


class Answerer:
    """Answers requests.

    A request is a tuple of its protocol, `"v1"` or `"v2"`, a signature, and a
    body or named inputs. An answer is a pair: `"ok"` and the answer itself,
    `"invalid"` and what is wrong with the request, or `"failed"` and what
    went wrong here.

    Args:
        signatures: what `load_signatures` returned.
        max_batch: the most examples of one request.
    """

    def __init__(self, signatures: dict[str, Signature], max_batch: int):
        self._signatures = signatures
        self._max_batch = max_batch
        self._readers = {"v1": self._read_v1, "v2": self._read_v2}

    def __call__(self, requests: list[tuple[str, str, Any]]) -> list[Answer]:
        """Answers requests, in one run of the model where that is faster."""
        found = [_outcome(self._read, *request) for request in requests]
        if _fit_together(found):
            prepared = [one for _, one in found]
            state, answers = _outcome(_run_together, prepared)
            if state == "ok":
                return [("ok", answer) for answer in answers]
        return [
            _outcome(_run, content) if state == "ok" else (state, content)
            for state, content in found
        ]

    def _read(self, protocol: str, name: str, content: Any) -> _Prepared:
        return self._readers[protocol](name, content)

    def _read_v1(self, name: str, body: bytes) -> _Prepared:
        name, value, in_rows = rest_v1.parse_body(body, name)
        signature = self._signature(name)
        names = list(signature.inputs)
        return _Prepared(
            signature,
            self._checked(
                signature, rest_v1.named_inputs(value, in_rows, names)
            ),
            lambda outputs: rest_v1.body_of(outputs, in_rows),
        )

    def _read_v2(self, name: str, inputs: dict[str, Any]) -> _Prepared:
        signature = self._signature(name)
        return _Prepared(signature, self._checked(signature, inputs), dict)

    def _signature(self, name: str) -> Signature:
        if name not in self._signatures:
            raise ValueError(
                f'Serving signature name: "{name}" not found in signature '
                f"def. There are: {sorted(self._signatures)}"
            )
        return self._signatures[name]

    def _checked(self, signature: Signature, inputs: dict) -> dict:
        return checked_inputs(signature, inputs, self._max_batch)


def _outcome(function: Callable, *arguments: Any) -> Answer:
    try:
        return "ok", function(*arguments)
    except ValueError as error:
        return "invalid", str(error)
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}"


def _fit_together(found: list[Answer]) -> bool:
    """Whether all are right, single, and for the same signature."""
    return (
        len(found) > 1
        and all(state == "ok" and one.is_single for state, one in found)
        and len({id(one.signature) for _, one in found}) == 1
    )


def _run(prepared: _Prepared) -> Any:
    return prepared.write(prepared.signature.run(**prepared.inputs))


def _run_together(prepared: list[_Prepared]) -> list[Any]:
    """One run for several requests of one example each."""
    inputs = {
        name: _joined([one.inputs[name] for one in prepared])
        for name in prepared[0].inputs
    }
    outputs = prepared[0].signature.run(**inputs)
    return [
        one.write({name: value[i : i + 1] for name, value in outputs.items()})
        for i, one in enumerate(prepared)
    ]


def _joined(values: list) -> Any:
    if isinstance(values[0], np.ndarray):
        return np.concatenate(values)
    return [file for files in values for file in files]
