"""Rows of two measured sides, and the one table that they are printed in."""

import contextlib
import ctypes
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

WAKE = 0.03


@dataclass(frozen=True)
class Row:
    """One line of the table.

    what, against: the two sides in words.
    ours, theirs: what was measured, one number a repeat, in `unit`; empty where a side is missing.
    unit: of the measurements.
    at_most: the aim ours / theirs ≤ at_most.
    faster: the aim theirs / ours ≥ faster.
    limit: the aim that the median of ours is at most this, in `unit`.
    holds: a further aim: its words, and whether it was met.
    note: what else the reader must know; with an empty side, why it is missing.
    """

    what: str
    against: str
    ours: list[float]
    theirs: list[float]
    unit: str = "ms"
    at_most: float | None = None
    faster: float | None = None
    limit: float | None = None
    holds: tuple[str, bool] | None = None
    note: str = ""

    @property
    def ratio(self) -> float:
        """The median of ours by that of theirs, or the inverse where the aim is to be faster."""
        ratio = np.median(self.ours) / np.median(self.theirs)
        return float(ratio if self.faster is None else 1 / ratio)

    @property
    def aims(self) -> list[tuple[str, bool]]:
        """Each aim in words, and whether it is met."""
        aims = []
        if self.at_most is not None:
            aims.append((f"≤ {self.at_most:g}×", self.ratio <= self.at_most))
        if self.faster is not None:
            words = "ahead" if self.faster == 1 else f"≥ {self.faster:g}× faster"
            aims.append((words, self.ratio >= self.faster))
        if self.limit is not None:
            aims.append((f"≤ {self.limit:g} {self.unit}", np.median(self.ours) <= self.limit))
        return aims + ([self.holds] if self.holds else [])

    def cells(self) -> list[str]:
        """The row as the table shows it."""
        if not (self.ours and self.theirs):
            return [self.what, spread(self.ours, self.unit), self.against, "–", "–", "–", self.note]
        words = "; ".join(words for words, _ in self.aims)
        missed = [words for words, met in self.aims if not met]
        verdict = "NOT MET" if missed else "met" if self.aims else ""
        if missed and len(self.aims) > 1:
            verdict += f": {'; '.join(missed)}"
        if self.note:
            verdict += f" ({self.note})"
        ours, theirs = spread(self.ours, self.unit), spread(self.theirs, self.unit)
        return [self.what, ours, self.against, theirs, f"{self.ratio:.2f}×", words, verdict]


def spread(values: list[float], unit: str) -> str:
    """The median and the quartiles, with three digits: "7.51 (7.40–7.83) ms"."""
    if not values:
        return "–"
    median, low, high = (_digits(np.percentile(values, q)) for q in (50, 25, 75))
    return f"{median} {unit}" if len(values) == 1 else f"{median} ({low}–{high}) {unit}"


def _digits(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:.{max(0, 2 - int(np.floor(np.log10(max(value, 1e-9)))))}f}"


def render(rows: list[Row]) -> str:
    """The table, in columns that line up."""
    heads = ["what", "median (quartiles)", "against", "median (quartiles)", "ratio", "aim", ""]
    lines = [heads, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    lines.insert(1, ["─" * width for width in widths])
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def keep_freed_memory() -> None:
    """Let the process keep the memory that it frees, on every side of a row.

    glibc gives memory back to the kernel, or not, by what the process has allocated before: the
    same compiled call on 4 MB tensors takes 13 ms, or with 4000 page faults 19 ms.
    """
    with contextlib.suppress(AttributeError, OSError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD


def alternate(*sides: Callable[[int], object], repeats: int) -> list[list[float]]:
    """The milliseconds of each side, called in turn, so that what else the machine does hits all.

    A pause lets the other side's threads go to sleep, as OpenMP's spin for a while.  Calls of the
    `WAKE` seconds after it are not timed: they wake the side's own threads, without which a call
    runs on one core or on two, by chance.  The next call is.  A first call compiles.

    Args:
      sides: each is called with the number of the call, the seed of its noise, and comes back when
        its numbers are there.
      repeats: how many calls of each are timed.

    Returns:
      One list of `repeats` times for each side.
    """
    times, numbers = [[] for _ in sides], [itertools.count() for _ in sides]
    for side, number in zip(sides, numbers, strict=True):
        side(next(number))
    for _ in range(repeats):
        for side, number, taken in zip(sides, numbers, times, strict=True):
            time.sleep(0.02)
            woken = time.perf_counter() + WAKE
            while time.perf_counter() < woken:
                side(next(number))
            start = time.perf_counter()
            side(next(number))
            taken.append(1000 * (time.perf_counter() - start))
    return times
