"""Exact gradients and exact variances of one sample's gradient: the truth line of every figure.

Closed forms take numbers or arrays, elementwise, and answer in float64.  Every function but
`one_coordinate` returns a dict of param → (gradient, variance of one sample).
"""

from course_utils.exact._any_law import enumerate_discrete, quadrature
from course_utils.exact._bernoulli import bernoulli_quadratic
from course_utils.exact._normal import (
    normal_cosine,
    normal_exp_square,
    normal_kl,
    normal_quadratic,
    normal_quadratic_baselines,
)
from course_utils.exact._one_coordinate import one_coordinate

__all__ = [
    "bernoulli_quadratic",
    "enumerate_discrete",
    "normal_cosine",
    "normal_exp_square",
    "normal_kl",
    "normal_quadratic",
    "normal_quadratic_baselines",
    "one_coordinate",
    "quadrature",
]
