"""Models made of inputs and outputs get a class of their own."""

import functools

import keras


@functools.cache
def functional_class(cls):
    """The class of the models of class `cls` made of inputs and outputs.

    Keras makes such a model functional by changing the bases of its class, and
    of all classes above it, for good: after that no model that defines a
    `call` of its own works. A class that is functional already is left alone.

    Args:
        cls: subclass of `keras.Model`.

    Returns:
        A functional class with the same name, registered as `cls` is.
    """
    functional = type(keras.Model.__new__(keras.Model, None, None))
    if issubclass(cls, functional):
        return cls
    names = {"__module__": cls.__module__, "__doc__": cls.__doc__}
    made = type(cls.__name__, (cls, functional), names)
    package, separator, name = keras.saving.get_registered_name(cls).rpartition(
        ">"
    )
    if separator:
        keras.saving.register_keras_serializable(package, name)(made)
    return made
