"""One statistical assertion for every test; its tolerance comes from the standard error."""

import matplotlib
import pytest

from course_utils import variance

matplotlib.use("Agg")


@pytest.fixture
def agrees():
    """agrees(estimate, (gradient, variance), name): both within 4 of their standard errors."""
    return lambda estimate, exact, name="": variance.assert_near(estimate, *exact)
