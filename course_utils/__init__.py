"""The shared code of the course *Gradients through randomness*.

Three layers, each ignorant of the next: mathematics (`sampling`, `estimators`, `relaxations`,
`rejection`, `control_variates`, `exact`, `variance`), figures (`plotting`) and controls
(`controls`, `exercises`).

Importing the package imports TensorFlow and TensorFlow Probability without the log lines that
their C++ code writes to file descriptor 2 at import and at the first device query, and leaves GPUs
alone: the course computes on the CPU.  Import it first in a notebook.
"""

import contextlib
import gc
import os
import sys


@contextlib.contextmanager
def _quiet_descriptor_2():
    """Send what C++ code writes to standard error nowhere, for the length of a `with` block."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@contextlib.contextmanager
def _spared_from_collection():
    """Keep the garbage collector off in the `with` block, then from all objects that live by then.

    What is imported is half a million objects that stay: going through them takes a fifth of the
    import's time, and later a third of a second now and then, between two pictures of a slider.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


# oneDNN rounds differently from one processor to the next, and logs what it does not support.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

with _quiet_descriptor_2(), _spared_from_collection():
    import tensorflow as tf
    import tensorflow_probability.python.distributions as _all_of_tfd  # noqa: F401

    # A TensorFlow that is in use already keeps the devices that it has.
    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")
    tf.config.list_logical_devices()
