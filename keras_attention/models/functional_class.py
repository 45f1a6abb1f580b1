"""Models made of inputs and outputs get a class of their own."""

import functools

import keras


class FunctionalAlone:
    """What a class of models has before `keras.Model`, for both ways of use.

    Its models are made of inputs and outputs, or by subclasses with a `call`.
    """

    def __new__(cls, *args, **kwargs):
        """Gives models of inputs and outputs a class of their own."""
        if _are_of_graph(args, kwargs):
            cls = functional_class(cls)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        # Of a subclass whose own arguments are others.
        if _are_of_graph(args, kwargs):
            self.__class__ = functional_class(type(self))
        super().__init__(*args, **kwargs)


def _are_of_graph(args, kwargs):
    """Whether a model is made of inputs and outputs."""
    return len(args) > 1 or "outputs" in kwargs


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
