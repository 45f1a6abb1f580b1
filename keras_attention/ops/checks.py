"""Checks of the arguments that many functions and layers take."""


def check_count(name, value):
    """Raises `ValueError` unless `value` is a whole number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(
            f"`{name}` must be a whole number of at least 1. "
            f"Received: {name}={value!r}"
        )


def check_weight(name, value):
    """A weight as a float; `ValueError` unless it is a number, at least 0."""
    if not isinstance(value, (int, float)) or not value >= 0:
        raise ValueError(
            f"`{name}` must be a number, at least 0. Received: {name}={value!r}"
        )
    return float(value)


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
