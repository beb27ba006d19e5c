"""The benchmarks measure what they say: the peers' gradients are ours, and the table adds up."""

import itertools

import nbformat
import numpy as np
import pytest
from scipy.stats import kstest

from benchmarks import __main__ as command
from benchmarks import explorer, gradients, moments, notebooks, peers, table
from course_utils import variance

SAMPLES, DIMS = 4000, 3
ROW = dict(what="ours", against="theirs", ours=[1.0, 2.0, 4.0], theirs=[3.0, 6.0, 5.0])


@pytest.mark.parametrize(
    ("aims", "ratio", "words"),
    [
        (dict(at_most=0.5), 0.4, "met"),
        (dict(at_most=0.3), 0.4, "NOT MET"),
        (dict(faster=2.5), 2.5, "met"),
        (dict(faster=2.6), 2.5, "NOT MET"),
        (dict(limit=2), 0.4, "met"),
        (dict(faster=2, limit=1.9), 2.5, "NOT MET: ≤ 1.9 ms"),
        (dict(at_most=1, holds=("traced once", False)), 0.4, "NOT MET: traced once"),
        (dict(at_most=1, note="at rest"), 0.4, "met (at rest)"),
        ({}, 0.4, ""),
    ],
)
def test_a_row_is_the_ratio_of_medians_and_its_aims(aims, ratio, words):
    row = table.Row(**ROW, **aims)
    assert row.ratio == pytest.approx(ratio)
    cells = row.cells()
    assert cells[:4] == ["ours", "2.00 (1.50–3.00) ms", "theirs", "5.00 (4.00–5.50) ms"]
    assert cells[4] == f"{ratio:.2f}×" and cells[6] == words


def test_a_missing_side_is_said_and_columns_line_up():
    missing = table.Row("ours", "a peer", [1.0], [], note="not installed")
    assert missing.cells() == ["ours", "1.00 ms", "a peer", "–", "–", "–", "not installed"]
    lines = table.render([table.Row(**ROW, at_most=1), missing]).splitlines()
    assert (
        len({line.index(word) for line, word in zip(lines[2:], ["theirs", "a peer"], strict=True)})
        == 1
    )


@pytest.mark.parametrize(
    ("value", "text"), [(0.01234, "0.0123"), (7.514, "7.51"), (85.04, "85.0"), (1234.5, "1234")]
)
def test_a_number_keeps_three_digits(value, text):
    assert table.spread([value], "s") == f"{text} s"


def test_the_sides_take_turns_and_a_call_is_timed_once_its_threads_are_awake(monkeypatch):
    clock = itertools.count()  # a second for each look at it
    monkeypatch.setattr(table.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(table, "WAKE", 1.5)
    calls = []
    times = table.alternate(
        lambda i: calls.append(("a", i)), lambda i: calls.append(("b", i)), repeats=2
    )
    assert calls[:2] == [("a", 0), ("b", 0)]  # they compile
    assert calls[2:] == [(side, i) for wake in (1, 3) for side in "ab" for i in (wake, wake + 1)]
    assert times == [[1000, 1000], [1000, 1000]]


@pytest.mark.parametrize("estimator", gradients.LIMITS)
@pytest.mark.parametrize("peer", peers.PEERS, ids=lambda peer: peer.label)
def test_a_peer_has_the_mean_and_variance_of_our_gradients(estimator, peer, monkeypatch):
    monkeypatch.setattr(peers, "LOOPED", 500)
    params, targets = gradients.setting(estimator, DIMS)
    arrays = [p.numpy() for p in params.values()], targets.numpy()
    try:
        theirs = peer.make(estimator, SAMPLES, *arrays, gradients.TEMPERATURE)(1)
    except ImportError:
        pytest.skip("it comes with the bench extra")
    ours = variance.summarize(gradients.ours(estimator, SAMPLES, DIMS)(0))
    found = variance.summarize({n: np.asarray(g) for n, g in zip(params, theirs, strict=True)})
    for name, one in ours.items():
        other = found[name]
        assert other.mean.shape == (DIMS,)
        for a, b, errors in [
            (one.mean, other.mean, (one.standard_error, other.standard_error)),
            (one.variance, other.variance, (one.variance_error, other.variance_error)),
        ]:
            assert np.all(np.abs(a - b) < 4 * np.hypot(*errors)), (name, a, b)


@pytest.mark.parametrize("label", peers.NORMALS)
def test_a_peers_noise_is_normal_and_new_for_each_seed(label):
    try:
        draw = peers.NORMALS[label]((SAMPLES, DIMS))
    except ImportError:
        pytest.skip("it comes with the bench extra")
    first, other = np.asarray(draw(1)), np.asarray(draw(2))
    assert first.shape == (SAMPLES, DIMS) and first.dtype == np.float32
    assert np.all(first != other) and np.all(first == np.asarray(draw(1)))
    assert kstest(first.ravel(), "norm").pvalue > 1e-3


def test_new_seeds_draw_new_noise():
    for side in (gradients.ours, gradients.noise):
        draw = side("gumbel_softmax", 3, 2)
        first, again, other = (
            np.ravel(list(np.atleast_1d(v)))[0] for v in map(_numbers, map(draw, (1, 1, 2)))
        )
        assert first == again != other


def _numbers(result):
    return result["logits"] if isinstance(result, dict) else result


def test_each_group_runs_at_a_small_size(monkeypatch):
    monkeypatch.setattr(explorer, "CLOUDS", (2, 5, 2))
    monkeypatch.setattr(moments, "peaks", lambda *sizes: [1.0, 2.0])
    rows = [
        *gradients.rows(50, 2, repeats=1),
        *moments.sweep_rows(3, 50, 2, repeats=1),
        *moments.samples_rows(50, 100, 2, repeats=1),
        *explorer.kernel_rows(repeats=1),
    ]
    assert len(rows) == 3 + 3 * 4 + 3 + 1 + 2 + 1
    assert all(row.ours and (row.theirs or "not installed" in row.note) for row in rows)
    assert "traced once" not in rows[18].cells()[6]


def test_the_notebooks_are_timed_and_weighed(tmp_path, monkeypatch):
    lines = ["first = 1", "much = b'1' * 10**8"]
    cells = [nbformat.v4.new_code_cell(line, execution_count=1) for line in lines]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    assert notebooks.checked(tmp_path, workers=0) > 0
    monkeypatch.setattr(notebooks, "notebooks", lambda: [tmp_path / "a.ipynb"])
    after, peak = notebooks.memory_rows()
    assert after.what.endswith("(a)") and peak.ours[0] >= after.ours[0]
    assert after.ours[0] - after.theirs[0] > 90
    monkeypatch.setattr(notebooks, "checked", lambda folder: 6.0 if folder == tmp_path else 2.0)
    (row,) = notebooks.time_rows(tmp_path)
    assert (row.what, row.ours, row.theirs) == ("1 notebooks under nbval", [6.0], [2.0, 2.0])


def test_a_group_that_is_none_is_named():
    with pytest.raises(SystemExit, match="gradients, sweep.*got 'speed'"):
        command.main(["speed"])
