"""Measure, and print one table.

    python -m benchmarks [GROUP ...]        (default: all)

Groups: gradients, sweep, samples, kernel, browser, notebooks, memory.  Both sides of a row run in
turn in one process (the last three rows: one after the other), so that what else the machine does
hits both.  PyTorch and JAX come with `pip install -e .[bench]`.
"""

import sys

import course_utils  # noqa: F401  first: TensorFlow starts quietly
from benchmarks import explorer, gradients, moments, notebooks
from benchmarks.table import render

GROUPS = {
    "gradients": gradients.rows,
    "sweep": moments.sweep_rows,
    "samples": moments.samples_rows,
    "kernel": explorer.kernel_rows,
    "browser": explorer.browser_rows,
    "notebooks": notebooks.time_rows,
    "memory": notebooks.memory_rows,
}


def main(names: list[str]) -> None:
    """Print the table of these groups."""
    unknown = set(names) - set(GROUPS)
    if unknown:
        sys.exit(
            f"groups must be of {', '.join(GROUPS)}, got {', '.join(map(repr, sorted(unknown)))}"
        )
    rows = []
    for name in names or GROUPS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += GROUPS[name]()
    print(render(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
