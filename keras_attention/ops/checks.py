"""Checks of the arguments that many functions and layers take."""

import math
import numbers


def check_count(name, value):
    """Raises `ValueError` unless `value` is a whole number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(
            f"`{name}` must be a whole number of at least 1. "
            f"Received: {name}={value!r}"
        )


def check_nonnegative(name, value):
    """Raises `ValueError` unless `value` is a finite number of at least 0."""
    if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(
            f"`{name}` must be a number of at least 0. "
            f"Received: {name}={value!r}"
        )


def check_share(name, value):
    """Raises `ValueError` unless `value` is a number above 0 and up to 1."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not 0 < value <= 1:
        raise ValueError(
            f"`{name}` must be a number above 0 and up to 1. "
            f"Received: {name}={value!r}"
        )


def check_option(name, value, options):
    """Raises `ValueError` unless a value is one of the options."""
    if value not in options:
        known = ", ".join(repr(option) for option in options)
        raise ValueError(
            f"`{name}` must be one of {known}. Received: {name}={value!r}"
        )


def check_interpolation(value):
    """Raises `ValueError` unless `value` names an interpolation."""
    check_option("interpolation", value, ("bilinear", "nearest"))
