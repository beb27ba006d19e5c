"""Any arguments: the right shape with finite numbers, or an error that names what is wrong.

Hypothesis draws the arguments, the same ones at every run.
"""

import math
import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tensorflow_probability import distributions as tfd

from course_utils import controls, estimators, exercises, sampling, variance

drawn = settings(
    derandomize=True, deadline=None, database=None, max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
often = settings(drawn, max_examples=100)


def total(z):
    return tf.reduce_sum(z**2, axis=list(range(1, z.shape.rank)))


def mixture(logits, loc, scale):
    return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), tfd.Normal(loc, scale))


def independent(law):
    return lambda **p: tfd.Independent(law(**p), 1)


# law → maker, and each parameter's event shape, with its ordinary and its extreme values
REAL = (st.floats(-2, 2, width=32), [-1e6, -50.0, 0.0, 1e-6, 1e3])
POSITIVE = (st.floats(0.25, 4, width=32), [1e-6, 1e-3, 0.05, 50.0, 1e4, 1e6])
LOGITS = (st.floats(-2, 2, width=32), [-1e4, -50.0, 0.0, 50.0])
PROBS = (st.floats(0.125, 0.875, width=32), [0.0, 1e-30, 1e-6, 1 - 1e-6, 1.0])
LAWS = {
    "Normal": (tfd.Normal, dict(loc=([], REAL), scale=([], POSITIVE))),
    "Laplace": (tfd.Laplace, dict(loc=([], REAL), scale=([], POSITIVE))),
    "Logistic": (tfd.Logistic, dict(loc=([], REAL), scale=([], POSITIVE))),
    "MultivariateNormalDiag": (
        tfd.MultivariateNormalDiag,
        dict(loc=([2], REAL), scale_diag=([2], POSITIVE)),
    ),
    "Gamma": (tfd.Gamma, dict(concentration=([], POSITIVE), rate=([], POSITIVE))),
    "Beta": (tfd.Beta, dict(concentration1=([], POSITIVE), concentration0=([], POSITIVE))),
    "Dirichlet": (tfd.Dirichlet, dict(concentration=([3], POSITIVE))),
    "StudentT": (tfd.StudentT, dict(df=([], POSITIVE), loc=([], REAL), scale=([], POSITIVE))),
    "VonMises": (tfd.VonMises, dict(loc=([], REAL), concentration=([], POSITIVE))),
    "VonMisesFisher": (
        lambda angle, concentration: tfd.VonMisesFisher(
            tf.stack([tf.cos(angle), tf.sin(angle)], axis=-1), concentration
        ),
        dict(angle=([], REAL), concentration=([], POSITIVE)),
    ),
    "sphere": (
        lambda concentration: tfd.VonMisesFisher(
            tf.constant([0.6, 0.8, 0.0], concentration.dtype), concentration
        ),
        dict(concentration=([], POSITIVE)),
    ),
    "mixture": (mixture, dict(logits=([2], LOGITS), loc=([2], REAL), scale=([2], POSITIVE))),
    "coin by logits": (tfd.Bernoulli, dict(logits=([], LOGITS))),
    "coin by probs": (tfd.Bernoulli, dict(probs=([], PROBS))),
    "classes by logits": (tfd.OneHotCategorical, dict(logits=([3], LOGITS))),
    "classes by probs": (
        lambda p: tfd.OneHotCategorical(probs=tf.stack([p / 2, p / 2, 1 - p], axis=-1)),
        dict(p=([], PROBS)),
    ),
}
COINS = ["coin by logits", "coin by probs"]
DISCRETE = [*COINS, "classes by logits", "classes by probs"]
NORMAL = ["Normal", "MultivariateNormalDiag"]
SCALAR = ["Normal", "Laplace", "Logistic", "Gamma", "Beta", "StudentT", "VonMises"]
PATHS = [*SCALAR, "MultivariateNormalDiag", "Dirichlet", "sphere"]
ESTIMATORS = {
    "score_function": (list(LAWS), dict(baseline=[None, 0.5, "mean"])),
    "pathwise": (PATHS, {}),
    "implicit": ([*SCALAR, "mixture"], {}),
    "measure_valued": (NORMAL, dict(coupled=[True, False])),
    "rejection_reparameterized": (["Gamma", "VonMisesFisher", "sphere"], {}),
    "finite_difference": (
        ["Normal", "Laplace", "Gamma", "mixture", "coin by logits"],
        dict(step=[1e-2, 0.1], common=[True, False]),
    ),
    "gumbel_softmax": (DISCRETE, dict(temperature=[1e-3, 0.5, 1e3])),
    "straight_through": (DISCRETE, {}),
    "straight_through_gumbel_softmax": (DISCRETE, dict(temperature=[1e-3, 0.5, 1e3])),
    "rebar": (DISCRETE, dict(temperature=[1e-3, 0.5, 1e3], eta=[1.0, 0, -2.5])),
    "relax": (DISCRETE, dict(surrogate=[total, lambda y: total(tf.sigmoid(y))])),
    "arm": (COINS, {}),
}  # fmt: skip
NUMBERS = {float: lambda v, _: v.tolist(), np.ndarray: lambda v, dtype: v.astype(dtype),
           tf.Tensor: lambda v, dtype: tf.constant(v, dtype),
           tf.Variable: lambda v, dtype: tf.Variable(v, dtype=dtype)}  # fmt: skip


@st.composite
def calls(draw, name, extreme=False, mixed=True):
    """Arguments of an estimator, with parameters of full and, if mixed, of lower rank."""
    laws, options = ESTIMATORS[name]
    make, parts = LAWS[draw(st.sampled_from(laws))]
    batch = draw(st.sampled_from([[], [2], [3, 2]]))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    kind = draw(st.sampled_from(list(NUMBERS)))
    params, event_axis = {}, all(event for event, _ in parts.values())
    for key, (event, (ordinary, extremes)) in parts.items():
        values = st.one_of(st.sampled_from(extremes), ordinary) if extreme else ordinary
        axes = draw(st.integers(0, len(batch))) if mixed else 0
        shape = [*batch[axes:], *event]
        size = math.prod(shape)
        flat = draw(st.lists(values, min_size=size, max_size=size))
        params[key] = NUMBERS[kind](np.array(flat).reshape(shape), dtype)
    if batch and not event_axis and np.shape(next(iter(params.values()))) == tuple(batch):
        make = draw(st.sampled_from([make, independent(make)]))
    chosen = {key: draw(st.sampled_from(values)) for key, values in options.items()}
    num_samples = draw(st.sampled_from([1, 2, 3, np.int64(5)]))
    seed = draw(st.one_of(st.integers(-(2**31), 2**31 - 1), st.just((7, -1))))
    return dict(cost=total, make_distribution=make, params=params, num_samples=num_samples,
                seed=seed, **chosen)  # fmt: skip


def run(name, call, **change):
    call = call | change
    order = [call.pop(key) for key in ("cost", "make_distribution", "params")]
    return getattr(estimators, name)(*order, **call)


def own_dtype(params):
    typed = [p for p in params.values() if isinstance(p, tf.Tensor | tf.Variable | np.ndarray)]
    return tf.as_dtype(typed[0].dtype) if typed else tf.float32


def assert_promised(gradients, call):
    assert gradients.keys() == call["params"].keys()
    for key, p in call["params"].items():
        assert gradients[key].shape == (call["num_samples"], *np.shape(p))
        assert gradients[key].dtype == own_dtype(call["params"])
        assert np.all(np.isfinite(gradients[key]))


@pytest.mark.parametrize("name", ESTIMATORS)
@given(data=st.data())
@drawn
def test_ordinary_arguments_give_finite_gradients_of_the_promised_shape(name, data):
    call = data.draw(calls(name))
    gradients = run(name, call)
    assert_promised(gradients, call)
    seed = call["seed"] if isinstance(call["seed"], tuple) else (0, call["seed"])
    for key, again in run(name, call, seed=seed).items():
        np.testing.assert_array_equal(again, gradients[key])


REASON = re.compile(
    r"samples of \w+ (under|over)flow: |the gradient of '\w+' must be finite, |cost must be finite, got "
    r"|must be at most 1000 for pathwise, got |is lost beside its loc = |logits of \w+ must be finite, got |step = .* leaves the domain of |step is lost beside "
    r"|scale of \w+ must be positive, got 0|surrogate must be finite, got "
)  # fmt: skip


@pytest.mark.parametrize("name", ESTIMATORS)
@given(data=st.data())
@drawn
def test_extreme_values_give_finite_gradients_or_are_refused(name, data):
    call = data.draw(calls(name, extreme=True))
    try:
        gradients = run(name, call)
    except ValueError as error:
        assert REASON.search(str(error)), error
    else:
        assert_promised(gradients, call)


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "finite_difference"])
@given(data=st.data())
@drawn
def test_parameters_of_lower_rank_get_the_sum_over_what_they_stand_for(name, data):
    """The tiled call is the untiled one, also where num_samples is a dimension."""
    call = data.draw(calls(name))
    params = {key: tf.constant(np.asarray(p), tf.float64) for key, p in call["params"].items()}
    rank = max(len(p.shape) for p in params.values())
    batch = next((p.shape for p in params.values() if len(p.shape) == rank), [])
    full = {key: tf.broadcast_to(p, batch) for key, p in params.items()}
    mixed, whole = run(name, call, params=params), run(name, call, params=full)
    for key, p in params.items():
        axes = list(range(1, 1 + rank - len(p.shape)))
        expected = tf.reduce_sum(whole[key], axis=axes)
        scale = np.max(np.abs(whole[key])) + 1
        np.testing.assert_allclose(mixed[key], expected, rtol=1e-9, atol=1e-9 * scale)


NO_NUMBER = [np.nan, np.inf, "a", "1", b"1", None, [1.0], True, np.True_, 1j, np.array("1")]
POSITIVE_NUMBER = [0, -1.0, *NO_NUMBER]
NO_PARAMS = [None, [], {}, [1.0], dict(unknown=1.0)]
NO_PARAM = [
    np.nan,
    np.inf,
    None,
    "a",
    True,
    1j,
    [],
    np.zeros([0]),
    np.float16([0.5]),
    [[1.0], [1, 2]],
]
WRONG = dict(
    num_samples=[0, -3, 1.5, 2.0, True, None, "3", [3], np.nan, 10**9, 2**40],
    seed=[None, 1.5, True, "1", b"1", (1,), (1, 2, 3), (1, 2.0), 2**31, (0, -(2**40)), {}, np.nan],
    make_distribution=[None, 3, lambda **p: 3.0, lambda **p: None, lambda: tfd.Normal(0.0, 1.0)],
    temperature=POSITIVE_NUMBER, step=POSITIVE_NUMBER,
    eta=NO_NUMBER,
    common=[1, None, "yes", tf.constant([1, 2])], coupled=[0, None, "no"],
    augmentation=[-1, 1.5, True, None, "2"],
    baseline=["median", True, b"", 1j, {}, dict(unknown=1.0), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], np.nan, np.inf, object()],
    surrogate=[None, 3, lambda y: 1.0],
    params=NO_PARAMS,
)  # fmt: skip
FEW = st.sampled_from(list(ESTIMATORS))


@given(data=st.data(), name=FEW)
@often
def test_a_wrong_argument_is_named_with_its_value(name, data):
    call = data.draw(calls(name))
    argument = data.draw(st.sampled_from([key for key in WRONG if key in call]))
    value = data.draw(st.sampled_from(WRONG[argument]))
    with pytest.raises((TypeError, ValueError)) as caught:
        run(name, call, **{argument: value})
    message = str(caught.value)
    assert argument in message
    if isinstance(value, int | float | str | None):
        assert repr(value) in message


@given(data=st.data(), name=FEW)
@often
@example(data=None, name="score_function")
def test_a_wrong_parameter_is_named(name, data):
    call = dict(cost=total, make_distribution=tfd.Normal, num_samples=2, seed=0,
                params=dict(loc=np.float64([1.0, 2.0]), scale=np.float64([1.0, 2.0])))  # fmt: skip
    call = data.draw(calls(name)) if data else call
    key = data.draw(st.sampled_from(list(call["params"]))) if data else "scale"
    value = data.draw(st.sampled_from(NO_PARAM)) if data else np.float32([1.0, 2.0])
    with pytest.raises((TypeError, ValueError), match=rf"params\[{key!r}\]|params must .*{key}"):
        run(name, call, params=call["params"] | {key: value})


def nan_somewhere(z):
    return tf.where(total(z) > -1, tf.constant(np.nan, z.dtype), total(z))


def raising(z):
    raise RuntimeError("the cost's own")


COSTS = {
    "must be callable, got 3": 3,
    "must return a TensorFlow tensor, got NoneType": lambda z: None,
    "must return a TensorFlow tensor, got float": lambda z: 1.0,
    "must return a TensorFlow tensor, got ndarray": lambda z: np.zeros(len(z)),
    "must return float": lambda z: tf.cast(total(z) > 1, tf.int32),
    "must map z of shape": lambda z: total(z)[:, None],
    r"shape \[\d\], got \[\]": lambda z: tf.reduce_sum(z),
    "must be finite, got nan at z = ": nan_somewhere,
    "fails at z of shape": lambda z: tf.reshape(z, [7, 11, 13]),
}


@pytest.mark.parametrize("words", COSTS)
@given(data=st.data(), name=FEW)
@drawn
def test_a_wrong_cost_is_named(words, name, data):
    call = data.draw(calls(name))
    with pytest.raises((TypeError, ValueError), match=f"cost .*{words}"):
        run(name, call, cost=COSTS[words])


@given(data=st.data(), name=FEW)
@drawn
def test_what_a_cost_raises_itself_is_left_alone(name, data):
    with pytest.raises(RuntimeError, match="the cost's own"):
        run(name, data.draw(calls(name)), cost=raising)


@given(data=st.data(), name=FEW)
@drawn
def test_a_constant_cost_and_one_with_an_outside_variable(name, data):
    call, outside = data.draw(calls(name)), tf.Variable(2.0)
    for cost in (
        lambda z: tf.ones(z.shape[0], z.dtype),
        lambda z: tf.cast(outside, z.dtype) * total(z),
    ):
        assert_promised(run(name, call, cost=cost), call)


@given(data=st.data(), name=FEW)
@often
def test_a_law_that_is_not_covered_is_named(name, data):
    covered = ESTIMATORS[name][0]
    others = [law for law in LAWS if law not in covered]
    if name in ("score_function", "finite_difference"):
        return
    make, parts = LAWS[data.draw(st.sampled_from(others))]
    params = {key: np.full(event, 0.5) for key, (event, _) in parts.items()}
    if name == "implicit" and make is tfd.Bernoulli:
        params = {key: np.float64(0.5) for key in params}
    call = data.draw(calls(name)) | dict(make_distribution=make, params=params)
    with pytest.raises(TypeError, match="covers|NOT_REPARAMETERIZED"):
        run(name, call)


# --- what stands beside the estimators

ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=3),
    st.complex_numbers(), st.lists(st.floats(), max_size=3), st.just(...), st.just(object()),
    st.just(10**400), st.dictionaries(st.text(max_size=1), st.integers(), max_size=1),
    st.lists(st.lists(st.integers(-9, 9), max_size=2), max_size=2),
    st.builds(lambda x: tf.constant(x, tf.float32), st.floats(width=32)),
    st.builds(np.array, st.lists(st.complex_numbers(), max_size=2)),
)  # fmt: skip


@given(attempt=ANYTHING)
@often
def test_any_attempt_gets_an_answer(attempt, capsys):
    exercises.check(attempt, 2.0, [(4.0, "you have squared it.")])
    said = capsys.readouterr().out
    assert said.startswith(("Correct: 2", "Not yet: ", "Not answered yet: "))


@given(estimate=st.floats(), error=st.floats(min_value=0))
@settings(often, max_examples=500)
@example(estimate=1.0, error=5e-324)
@example(estimate=1.7e308, error=1e299)
def test_plus_minus_reads_back(estimate, error):
    left, right = (float(part) for part in variance.plus_minus(estimate, error).split(" ± "))
    if abs(estimate) < 1e300 and 0 < error < 1e300:
        assert left == pytest.approx(estimate, rel=1e-3, abs=error * 0.51)
        assert right == pytest.approx(error, rel=0.15)


@given(
    values=st.lists(st.floats(), min_size=0, max_size=5),
    shape=st.sampled_from([[], [1], [2, 0], [2, 2]]),
)
@often
@example(values=[1e100, -1e100], shape=[])
def test_gradients_are_summarized_or_refused(values, shape):
    gradients = np.array([np.full(shape, v) for v in values]).reshape([len(values), *shape])
    try:
        found = variance.summarize(dict(p=gradients))["p"]
    except ValueError as error:
        assert "gradients['p'] must" in str(error)
        return
    for part in found[:4]:
        assert part.shape == tuple(shape) and np.all(np.isfinite(part))
    assert np.all(found.variance >= 0) and np.all(found.variance_error >= 0)


@pytest.mark.parametrize("gradients", [None, [1.0], dict(p=3.0), dict(p=None)])
def test_what_is_no_dict_of_gradients_is_refused(gradients):
    with pytest.raises(TypeError, match="gradients"):
        variance.summarize(gradients)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("num_samples", 1), ("num_samples", 2.5), ("num_samples", None), ("values", 3), ("values", []),
     ("values", ["a"]), ("values", [1.0, np.nan]), ("values", [[1.0]]), ("values", [1e300])],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_a_sweep_names_what_is_wrong(argument, value):
    def gradients(scale, num_samples):
        params = dict(loc=0.0, scale=scale)
        return estimators.pathwise(total, tfd.Normal, params, num_samples=num_samples, seed=1)

    call = dict(values=[1.0, 2.0], num_samples=3) | {argument: value}
    with pytest.raises((TypeError, ValueError), match=f"{argument} must"):
        variance.sweep(gradients, call.pop("values"), **call)


SIZES = st.one_of(st.integers(-2, 4), st.floats(-2, 2), st.none(), st.text(max_size=1))


@given(shape=st.one_of(SIZES, st.lists(SIZES, max_size=3)), seed=ANYTHING)
@often
def test_noise_has_the_shape_or_is_refused(shape, seed):
    try:
        noise = sampling.standard_normal(shape, seed)
    except (TypeError, ValueError) as error:
        assert re.match("shape|seed", str(error))
    else:
        assert noise.shape == shape and np.all(np.isfinite(noise))


@given(num_inputs=ANYTHING)
@often
def test_an_encoder_takes_a_number_of_inputs(num_inputs):
    if isinstance(num_inputs, int) and 1 <= num_inputs <= 1000:
        num_inputs %= 10
    try:
        mean, log_var = sampling.simulated_encoder(num_inputs, 0)
    except (TypeError, ValueError) as error:
        assert str(error).startswith("num_inputs must be")
    else:
        assert mean.shape == log_var.shape == (num_inputs, 2)


ENDS = st.one_of(
    st.floats(), st.integers(-1000, 1000), st.sampled_from([None, "a", "1", True, np.True_])
)


@given(low=ENDS, high=ENDS, share=st.floats(0, 1), start=ENDS, log=st.booleans(),
       integer=st.booleans(), steps=st.integers(-1, 60))  # fmt: skip
@settings(often, max_examples=300)
@example(low=1.0001, high=1.0002, share=0.5, start=None, log=True, integer=False, steps=50)
@example(low=0.0, high=5e-324, share=0.0, start=None, log=False, integer=False, steps=50)
@example(low=-1e308, high=1e308, share=0.5, start=None, log=False, integer=False, steps=50)
@example(low=0.0, high=np.inf, share=0.5, start=1.0, log=False, integer=False, steps=50)
def test_a_slider_climbs_from_end_to_end_or_is_refused(
    low, high, share, start, log, integer, steps
):
    if start is None and not {str, bool, np.bool_, type(None)} & {type(low), type(high)}:
        start = low + share * (high - low)
    try:
        made = controls.slider("a", low, high, start=start, log=log, integer=integer, steps=steps)
    except (TypeError, ValueError) as error:
        assert re.match("low|high|start|steps", str(error))
        return
    assert made.values[0] == low and made.values[-1] == high and low <= made.start <= high
    assert np.all(np.diff(made.values) > 0)
    box, _ = made.build()
    assert box.value == made.start and box.step > 0


@pytest.mark.parametrize(
    ("words", "make"),
    [
        ("label must be a string, got 3", lambda: controls.slider(3, 0, 1, start=0)),
        ("label must be a string, got None", lambda: controls.switch(None)),
        ("label must be a string", lambda: controls.choice(3, ["a"])),
        ("start must be True or False, got 'no'", lambda: controls.switch("a", start="no")),
        ("options must be a list .* got 'abc'", lambda: controls.choice("a", "abc")),
        ("options must be a list .* got 5", lambda: controls.choice("a", 5)),
    ],
)
def test_controls_of_the_wrong_type_are_named(words, make):
    with pytest.raises(TypeError, match=words):
        make()
