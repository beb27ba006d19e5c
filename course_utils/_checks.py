"""What every estimator asks of its arguments, and the tiling behind per-sample gradients.

Values are checked where they are known, outside a `tf.function`; inside one only shapes and types.
"""

import numbers

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

Params = dict[str, float | tf.Tensor]
Gradients = dict[str, tf.Tensor]

# TFP's own validation lets a negative diagonal of MultivariateNormalDiag pass.
_POSITIVE = {"scale", "scale_diag", "temperature"}
_PLAIN = int | float | list | np.generic | np.ndarray | tf.Tensor | tf.Variable


def as_written(estimator):
    """Tell AutoGraph not to convert an estimator, which takes it a second and changes nothing.

    It is what tf.autograph.experimental.do_not_convert tells it, without a frame of its own in
    every traceback.
    """
    estimator.autograph_info__ = None
    return estimator


def show(value) -> str:
    """A number or a short array as an error message shows it."""
    return np.array2string(np.asarray(value), precision=4, threshold=8, separator=", ")


def whole_number(name: str, value, at_least: int = 1, at_most: int = 10**8) -> int:
    """Return `value`, a whole number between the two; bools and 10.0 do not count as one."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value!r}")
    if value > at_most:  # more would not fit into memory
        raise ValueError(f"{name} must be at most {at_most}, got {value!r}")
    return int(value)


def flag(name: str, value) -> bool:
    """Return `value`, True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def number(name: str, value, above: float = -np.inf) -> float:
    """Return `value`, finite and larger than `above`; inside a `tf.function` tensors pass."""
    if isinstance(value, tf.Tensor | tf.Variable) and not tf.executing_eagerly():
        if value.shape.rank != 0 or not (value.dtype.is_floating or value.dtype.is_integer):
            raise TypeError(f"{name} must be a number, got {value!r}")
        return value
    try:
        array = np.asarray(value)
        if array.ndim or array.dtype.kind not in "iufO":  # "0.5", True and 1j are no numbers
            raise TypeError
        result = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    if not (np.isfinite(result) and result > above):
        what = "finite" if above == -np.inf else "positive and finite"
        raise ValueError(f"{name} must be {what}, got {value!r}")
    return result


def positive(name: str, value) -> float:
    """Return `value`, a finite positive number; inside a `tf.function` tensors pass."""
    return number(name, value, above=0.0)


def like(value, tensor: tf.Tensor) -> tf.Tensor:
    """Return a number, tensor or variable in the tensor's dtype; tf.cast would round a float."""
    return tf.cast(tf.convert_to_tensor(value, dtype_hint=tensor.dtype), tensor.dtype)


def numeric(name: str, value) -> tuple[tf.Tensor | np.ndarray, tf.DType | None]:
    """A number's or an array's value, and its float dtype where it has one of its own."""
    typed = isinstance(value, tf.Tensor | tf.Variable | np.ndarray)
    try:
        value = tf.convert_to_tensor(value) if isinstance(value, tf.Variable) else value
        array = value if isinstance(value, tf.Tensor) else np.asarray(value)
    except (TypeError, ValueError, NotImplementedError):  # a list of a graph's tensors
        array = np.asarray(None)
    dtype = None if array.dtype == object else tf.as_dtype(array.dtype)
    if dtype is None or not (dtype.is_floating or dtype.is_integer):
        raise TypeError(f"{name} must be a number or a float tensor, got {value!r}")
    if isinstance(array, tf.Tensor) and not array.shape.is_fully_defined():
        raise ValueError(f"{name} must have a shape that is known, got {array.shape}")
    if 0 in array.shape:
        raise ValueError(f"{name} must not be empty, got shape {list(array.shape)}")
    return array, dtype if typed and dtype.is_floating else None


def as_params(params, dtype: str | None = None) -> dict[str, tf.Tensor]:
    """Return the parameters as finite tensors of `dtype`, or else the tensors' own, or float32."""
    if not isinstance(params, dict) or not params:
        raise TypeError(f"params must be a dict of name → number or tensor, got {params!r}")
    values = {name: numeric(f"params[{name!r}]", value) for name, value in params.items()}
    dtypes = {name: dtype.name for name, (_, dtype) in values.items() if dtype is not None}
    if len(set(dtypes.values())) > 1:
        raise TypeError(f"params must share one float dtype, got {dtypes}")
    dtype = dtype or next(iter(dtypes.values()), "float32")
    if dtype not in ("float32", "float64"):
        raise TypeError(f"params must be float32 or float64, got {dtypes}")
    tensors = {name: tf.cast(value, dtype) for name, (value, _) in values.items()}
    for name, tensor in tensors.items():
        check_finite(f"params[{name!r}]", tensor)
    return tensors


def check_finite(name: str, value) -> None:
    """Raise ValueError where `value` is known and not finite."""
    if tf.executing_eagerly() and not np.all(np.isfinite(value)):
        raise ValueError(f"{name} must be finite, got {show(value)}")


def build(make_distribution, params: dict[str, tf.Tensor]) -> tfd.Distribution:
    """Return make_distribution(**params), its own parameters checked, nested ones too."""
    if not callable(make_distribution):
        raise TypeError(f"make_distribution must be callable, got {make_distribution!r}")
    try:
        distribution = make_distribution(**params)
    except TypeError as error:
        raise TypeError(f"make_distribution does not take the params {list(params)}: {error}")  # noqa: B904
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        shapes = {name: list(value.shape) for name, value in params.items()}
        raise ValueError(f"make_distribution does not take params of shapes {shapes}: {error}")  # noqa: B904
    if not isinstance(distribution, tfd.Distribution) or not isinstance(
        distribution.dtype, tf.DType
    ):
        raise TypeError(
            f"make_distribution must give a distribution of one tensor, got {distribution!r}"
        )
    if None in (distribution.batch_shape.rank, distribution.event_shape.rank):
        raise ValueError(f"make_distribution must give a law of known shapes, got {distribution!r}")
    dtype = next(iter(params.values())).dtype
    dtypes = [distribution.dtype]
    inner = inside_independent(distribution)
    if isinstance(inner, tfd.MixtureSameFamily):
        dtypes.append(inner.mixture_distribution.probs_parameter().dtype)
    for found in dtypes:
        if found.is_floating and found != dtype:
            raise TypeError(
                f"make_distribution must give a law of {dtype.name}, as params are, got "
                f"{found.name}: give its constants that dtype, or params this one"
            )
    if tf.executing_eagerly():
        _check_values(distribution)
    return distribution


def _check_values(distribution: tfd.Distribution) -> None:
    law = type(distribution).__name__
    for name, value in distribution.parameters.items():
        if isinstance(value, tfd.Distribution):
            _check_values(value)
        elif isinstance(value, _PLAIN):
            array = np.asarray(value)
            if np.issubdtype(array.dtype, np.floating):
                check_finite(f"{name} of {law}", array)
                if name in _POSITIVE and not np.all(array > 0):
                    raise ValueError(f"{name} of {law} must be positive, got {show(array)}")
    _check_resolution(distribution)
    if isinstance(distribution, tfd.GeneralizedPareto | tfd.GeneralizedExtremeValue):
        concentration = distribution.concentration
        least = 1e4 * np.finfo(concentration.dtype.as_numpy_dtype).eps
        if np.any(np.abs(concentration) < least):
            raise ValueError(
                f"concentration of {law} must not be within {least:.1e} of 0 in "
                f"{concentration.dtype.name}, where rounding leaves TFP's formulas no slope, got "
                f"{show(concentration)}: use 2e-3, or a smaller one in float64"
            )
    if isinstance(distribution, tfd.VonMisesFisher):  # TFP's own validation fails in float64
        _check_directional(distribution)
        return
    try:
        if "validate_args" in distribution.parameters:
            distribution.copy(validate_args=True)
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        given = {k: show(v) for k, v in distribution.parameters.items() if tf.is_tensor(v)}
        message = " ".join(str(error).split())
        raise ValueError(f"{law} refuses its parameters {given}: {message}")  # noqa: B904


def _check_resolution(distribution: tfd.Distribution) -> None:
    """Raise ValueError where samples loc + scale·ε round to a few values, or to one."""
    given, dtype = distribution.parameters, distribution.dtype
    pair = given.get("loc"), given.get("scale", given.get("scale_diag"))
    if all(isinstance(value, _PLAIN) for value in pair) and dtype.is_floating:
        loc, scale = (np.asarray(value, dtype.as_numpy_dtype) for value in pair)
        if np.any(scale < 8 * np.finfo(loc.dtype).eps * np.abs(loc)):
            raise ValueError(
                f"scale of {type(distribution).__name__} is lost beside its loc = {show(loc)} in "
                f"{dtype.name}, got {show(scale)}: use float64, or shift loc"
            )


def _check_directional(law: tfd.VonMisesFisher) -> None:
    """What TFP's validation of a VonMisesFisher says, in every dtype."""
    direction = np.asarray(law.mean_direction, np.float64)  # the squares of 1e30 fit
    concentration = np.asarray(law.concentration)
    if direction.shape[-1] < 2:
        raise ValueError(
            "mean_direction of VonMisesFisher must have two coordinates or more, got "
            f"{show(direction)}"
        )
    if not np.allclose(np.linalg.norm(direction, axis=-1), 1, rtol=0, atol=1e-5):
        raise ValueError(
            f"mean_direction of VonMisesFisher must have length 1, got {show(direction)}"
        )
    if np.any(concentration < 0):
        raise ValueError(
            f"concentration of VonMisesFisher must not be negative, got {show(concentration)}"
        )


def tile(params: dict[str, tf.Tensor], num_samples: int) -> dict[str, tf.Tensor]:
    """Repeat each parameter along a new first axis: [*shape] → [num_samples, *shape]."""
    return {name: tf.broadcast_to(p, [num_samples, *p.shape]) for name, p in params.items()}


def tiled_maker(make_distribution, params: dict[str, tf.Tensor], distribution):
    """Return the function that builds one distribution a sample from tiled parameters.

    A scalar scale beside a loc of [D] tiles to [n] and [n, D], which no longer broadcast, or do so
    wrongly when n happens to be D.  So axes of length 1 are put after the first where plain tiling
    does not give the batch shape [n, *batch]; which of the two is right is found with an n that no
    axis has.

    Raises:
      ValueError: neither gives that batch shape, or, where values are known, copies are mixed.
    """
    batch, event = list(distribution.batch_shape), list(distribution.event_shape)
    rank = max(len(batch), *(len(p.shape) for p in params.values()))
    probe = 4 + max([*batch, *event, *(n for p in params.values() for n in p.shape)], default=0)

    def aligned(**tiled):
        def pad(p):
            return tf.reshape(p, [p.shape[0], *[1] * (rank + 1 - len(p.shape)), *p.shape[1:]])

        return make_distribution(**{name: pad(p) for name, p in tiled.items()})

    # Among copies unlike it the law of one shows what it takes from them; some laws refuse such.
    for copies in (_unlike, tile) if tf.executing_eagerly() else (tile,):
        tiled = copies(params, probe)
        for make in (make_distribution, aligned):
            try:
                probed = make(**tiled)
                shapes = list(probed.batch_shape), list(probed.event_shape)  # some raise only here
            except (AssertionError, ValueError, tf.errors.InvalidArgumentError):
                continue
            if shapes == ([probe, *batch], event):
                if tf.executing_eagerly():
                    _check_apart(probed, distribution, probe, params)
                return make
    shapes = {name: list(value.shape) for name, value in params.items()}
    raise ValueError(
        f"params of shapes {shapes} do not line up once each has a sample axis in front: give "
        "every parameter its full shape, and let make_distribution treat leading axes as batch axes"
    )


def _unlike(params: dict[str, tf.Tensor], count: int) -> dict[str, tf.Tensor]:
    """As `tile`, with the second copy p among others, 2p + 1 and p/2, positive where p is."""
    tiled = {}
    for name, p in params.items():
        p = p.numpy()
        tiled[name] = tf.constant(np.stack([2 * p + 1, p, p / 2, *[2 * p + 1] * (count - 3)]))
    return tiled


def _tensors(part) -> list[tf.Tensor]:
    """The float tensors a law is made of, those of its laws, bijectors and operators too."""
    if hasattr(part, "parameters"):
        part = list(part.parameters.values())
    if isinstance(part, list | tuple):
        return [tensor for item in part for tensor in _tensors(item)]
    return [part] if tf.is_tensor(part) and part.dtype.is_floating else []


def _check_apart(probed, distribution, count: int, params: dict[str, tf.Tensor]) -> None:
    """Raise ValueError where the law of the second of `count` copies is not `distribution`."""
    size = max(np.max(np.abs(p)) for p in params.values())
    for copies, alone in zip(_tensors(probed), _tensors(distribution), strict=False):
        tiled = copies.shape[:1] == [count] and copies.shape != alone.shape
        own, alone = np.asarray(copies)[1 if tiled else ...], np.asarray(alone)
        if own.size == alone.size and not np.allclose(
            own.ravel(), alone.ravel(), rtol=1e-3, atol=1e-5 * size, equal_nan=True
        ):
            raise ValueError(
                "make_distribution mixes the samples' own copies of "
                f"{', '.join(map(repr, params))}, as tf.reduce_sum(x) and tf.norm(x) do: name the "
                "axis that they are to go over, axis=-1"
            )


def inside_independent(law: tfd.Distribution) -> tfd.Distribution:
    """The law inside Independent."""
    while isinstance(law, tfd.Independent):
        law = law.distribution
    return law


def discrete_base(
    estimator: str, distribution: tfd.Distribution, laws=(tfd.Bernoulli, tfd.OneHotCategorical)
) -> tfd.Distribution:
    """Return the Bernoulli or OneHotCategorical inside a discrete law, Independent taken off.

    Raises:
      TypeError: another law than `laws`; the message names those that `estimator` covers.
    """
    base = inside_independent(distribution)
    if not isinstance(base, laws):
        names = [law.__name__ for law in laws]
        raise TypeError(
            f"{estimator} covers {', '.join(names)} and Independent of "
            f"{'either' if len(laws) > 1 else 'it'}, got {type(distribution).__name__}"
            + (f" of {type(base).__name__}" if base is not distribution else "")
        )
    return base


# Laws whose samples are sums and products of noise, which no power makes vanish.
_WHOLE = (tfd.Normal, tfd.Laplace, tfd.Logistic, tfd.Gumbel, tfd.Exponential, tfd.Uniform)


def lost_samples(distribution: tfd.Distribution, z: tf.Tensor, what: str = "dz/dφ"):
    """Where a sample has left the numbers that its dtype can hold: a mask [num_samples], or None.

    Raises:
      ValueError: there are such samples, and this is known: outside a `tf.function`.
    """
    law = inside_independent(distribution)
    axes = isinstance(law, tfd.Sample | tfd.MixtureSameFamily) and law.event_shape.rank > 0
    while axes and isinstance(law, tfd.Independent | tfd.Sample | tfd.MixtureSameFamily):
        law = getattr(law, "components_distribution", None) or law.distribution
    name = type(law).__name__
    if isinstance(law, tfd.Dirichlet):  # its coordinates are Beta
        a = law.concentration
        law = tfd.Beta(a, tf.reduce_sum(a, axis=-1, keepdims=True) - a)
    if not z.dtype.is_floating or law.event_shape.rank != 0 or isinstance(law, _WHOLE):
        return None
    if law.validate_args:  # it would refuse to say what lies outside its support
        law = law.copy(validate_args=False)
    tiny = np.finfo(z.dtype.as_numpy_dtype).tiny
    try:
        mass = tiny * law.prob(tf.cast(tiny, law.dtype))
    except (NotImplementedError, tf.errors.InvalidArgumentError):
        return None
    mass = tf.reduce_max(mass) if axes else mass  # its axes are not those of z
    below = (tf.abs(z) <= tiny) & (mass > 1e-30)  # a Normal or Exponential 0 is a number
    far = 0.1 / np.sqrt(tiny)
    if isinstance(law, tfd.StudentT):  # it divides by the root of a Gamma that is at least tiny
        low = tf.minimum(0.1 * law.scale * tf.sqrt(law.df), 1)
        far *= tf.reduce_min(low) if axes else low
    above = tf.abs(z) > far
    if not tf.executing_eagerly():
        return tf.reduce_any(tf.reshape(below | above, [z.shape[0], -1]), axis=1)
    for lost, how in ((below, "underflow"), (above, "overflow")):
        if tf.reduce_any(lost):
            raise ValueError(
                f"samples of {name} {how}: {np.mean(lost):.2g} of them are lost in "
                f"{z.dtype.name}, and their {what} with them; use float64 or larger shapes"
            )
    return None


def checked(gradients: dict, params: dict[str, tf.Tensor], *lost) -> dict[str, tf.Tensor]:
    """Return the gradients, NaN for the samples in one of the masks `lost`; a mask may be None.

    Raises:
      ValueError: a gradient is known and not finite.
    """
    for mask in (mask for mask in lost if mask is not None):
        gradients = {
            name: tf.where(
                tf.reshape(mask, [-1, *[1] * (len(g.shape) - 1)]), tf.constant(np.nan, g.dtype), g
            )
            for name, g in gradients.items()
        }
    if tf.executing_eagerly():
        for name, gradient in gradients.items():
            bad = ~np.isfinite(gradient)
            if bad.any():
                given = ", ".join(f"{other} = {show(p)}" for other, p in params.items())
                raise ValueError(
                    f"the gradient of {name!r} must be finite, and {bad.mean():.2g} of it is not "
                    f"in {gradient.dtype.name} at {given}: use float64 or params less extreme"
                )
    return gradients


def cost_values(cost, z: tf.Tensor, name: str = "cost", finite: bool = True) -> tf.Tensor:
    """Return cost(z), one number a sample, of z's dtype, and finite unless `finite` is False."""
    if not callable(cost):
        raise TypeError(f"{name} must be callable, got {cost!r}")
    try:
        values = cost(z)
    except tf.errors.InvalidArgumentError as error:
        message = " ".join(error.message.split())
        raise ValueError(f"{name} fails at z of shape {list(z.shape)}: {message}") from error
    if not isinstance(values, tf.Tensor):
        raise TypeError(f"{name} must return a TensorFlow tensor, got {type(values).__name__}")
    if values.dtype != z.dtype:
        raise TypeError(f"{name} must return {z.dtype.name}, as z is, got {values.dtype.name}")
    if not values.shape.is_fully_defined():
        values = tf.ensure_shape(values, z.shape[:1])
    if values.shape != z.shape[:1]:
        raise ValueError(
            f"{name} must map z of shape {list(z.shape)} to one number a sample, shape "
            f"{list(z.shape[:1])}, got {list(values.shape)}; sum or average over the event axes"
        )
    if finite and tf.executing_eagerly():
        is_finite = tf.math.is_finite(values)
        if not tf.reduce_all(is_finite):
            at = int(tf.argmin(tf.cast(is_finite, tf.int32)))
            raise ValueError(f"{name} must be finite, got {values[at]} at z = {show(z[at])}")
    return values
