"""One generic check that answers a reader's attempt at once."""

from collections.abc import Iterable

import numpy as np


def check(attempt, expected, hints: Iterable[tuple[object, str]] = (), *, tolerance=1e-4) -> None:
    """Say whether an attempt is right; if not, how it is wrong.

    Prints "Correct", "Not yet" with what came and a hint where one fits, or "Not answered yet" for
    the `...` or the None of an untouched stub, or a list of them.  Nothing is raised for what a
    reader may answer.

    Args:
      attempt: the reader's value: a number, an array or a tensor.
      expected: the right value.
      hints: pairs of a likely wrong value and what to say to it.
      tolerance: how far off is right, relative to the size of `expected`.

    Raises:
      ValueError: a hint whose wrong value is right.
    """
    expected, hints = np.asarray(expected, np.float64), list(hints)

    def agrees(value, target):
        target = np.asarray(target, np.float64)
        scale = max(np.max(np.abs(expected)), 1e-12)
        with np.errstate(over="ignore", invalid="ignore"):  # an answer may be far off
            near = value.shape == target.shape and np.abs(value - target) <= tolerance * scale
        return np.all(near)

    for wrong, hint in hints:
        if agrees(np.asarray(wrong, np.float64), expected):
            raise ValueError(f"hints: {wrong!r} is the right answer, and its hint says {hint!r}")
    parts = attempt if isinstance(attempt, list | tuple) and attempt else [attempt]
    if all(part is None or part is Ellipsis for part in parts):
        print("Not answered yet: replace the ... above, and run both cells again.")
        return
    try:
        value = np.asarray(attempt)
        if value.dtype.kind in "cSU":  # NumPy would drop imaginary parts, and read "2" as 2
            raise TypeError
        value = np.asarray(value, np.float64)
    except (TypeError, ValueError, OverflowError, NotImplementedError):
        print(f"Not yet: a number or an array is asked for, this is a {type(attempt).__name__}.")
        return
    if agrees(value, expected):
        print(f"Correct: {_show(value)}.")
        return
    said = [hint for wrong, hint in hints if agrees(value, wrong)]
    if not said and value.shape != expected.shape:
        said = [f"the shape is {list(value.shape)}, where {list(expected.shape)} is asked for."]
    print(f"Not yet: {_show(value)} is not it.", *(f"Hint: {hint}" for hint in said[:1]))


def _show(value: np.ndarray) -> str:
    return np.array2string(value, threshold=6, separator=", ", formatter={"float": "{:.4g}".format})
