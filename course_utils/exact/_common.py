"""What the exact answers share: their type, the choice by name, numbers checked."""

from collections.abc import Callable

import numpy as np

Answer = dict[str, tuple[np.ndarray, np.ndarray]]

POSITIVE = {"scale", "target_scale", "step", "frequency", "temperature", "num_dimensions"}


def choose(estimator: str, answers: dict[str, Callable[[], Answer]]) -> Answer:
    """The answer of that estimator, the only one that is computed."""
    if estimator not in answers:
        raise ValueError(f"estimator must be one of {list(answers)}, got {estimator!r}")
    return answers[estimator]()


def central(second, mean) -> np.ndarray:
    """The variance E[g²] − E[g]², which rounding may leave a hair below 0 where it is 0."""
    return np.maximum(second - mean**2, 0)


def floats(**values) -> list[np.ndarray]:
    """The values as float64 arrays, finite and, where the name asks for it, positive."""
    arrays = []
    for name, value in values.items():
        try:
            array = np.asarray(value)
            if array.dtype.kind not in "iuf":  # "0.5", True, 1j and None are no numbers
                raise TypeError
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"{name} must be a number or an array, got {value!r}") from None
        if not np.all(np.isfinite(array)):
            raise ValueError(f"{name} must be finite, got {value!r}")
        if name in POSITIVE and not np.all(array > 0):
            raise ValueError(f"{name} must be positive, got {value!r}")
        if name == "num_dimensions" and not np.all(array >= 1):
            raise ValueError(f"{name} must be at least 1, got {value!r}")
        arrays.append(array)
    return arrays
