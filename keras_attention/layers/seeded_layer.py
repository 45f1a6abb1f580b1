"""Layers with random numbers of their own: files keep where these are."""

import keras


class SeededLayer(keras.layers.Layer):
    """A layer whose `seed_generator`, where it has one, is saved with it.

    Keras saves the weights of a layer, not the state of its random numbers: a
    run that goes on from a file would draw other ones than the run that was
    not stopped.

    Args:
        **kwargs: of `keras.layers.Layer`.
    """

    seed_generator = None

    def save_own_variables(self, store):
        """Saves the state of the random numbers too."""
        super().save_own_variables(store)
        if self.seed_generator is not None:
            store["seed_state"] = keras.ops.convert_to_numpy(
                self.seed_generator.state
            )

    def load_own_variables(self, store):
        """Loads the variables, and the state of the random numbers."""
        stored = {name: store[name] for name in list(store.keys())}
        state = stored.pop("seed_state", None)
        if state is not None and self.seed_generator is not None:
            self.seed_generator.state.assign(state)
        super().load_own_variables(stored)
