"""What several test modules share: one statistical assertion, and Chromium."""

import os

import matplotlib
import pytest

from course_utils import variance
from tools import lab

matplotlib.use("Agg")


@pytest.fixture
def agrees():
    """agrees(estimate, (gradient, variance)): both within 4 of their standard errors.

    Its tolerance comes from the standard error.
    """
    return lambda estimate, exact: variance.assert_near(estimate, *exact)


@pytest.fixture(scope="module")
def browser():
    """A Chromium without a window; what needs it is skipped where there is none, but not in CI."""
    path = lab.chromium()
    if not path and not os.environ.get("CI"):
        pytest.skip("Chromium is not installed (Debian and Ubuntu: apt install chromium)")
    assert path, "CI must have Chromium"
    with lab.browser(path) as window:
        yield window
