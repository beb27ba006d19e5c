import numpy as np
import pytest
import tensorflow as tf

from course_utils.exercises import check

HINTS = [(4.0, "you have squared it."), (-2.0, "mind the sign.")]


def said(capsys, *args, **kwargs):
    check(*args, **kwargs)
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize("attempt", [2, 2.0, np.float32(2), tf.constant(2.0), 2.00001])
def test_a_right_answer_is_called_right(capsys, attempt):
    assert said(capsys, attempt, 2.0, HINTS).startswith("Correct: 2")


@pytest.mark.parametrize("attempt", [None, ..., [None, None]])
def test_an_untouched_stub_is_no_error(capsys, attempt):
    assert said(capsys, attempt, 2.0, HINTS).startswith("Not answered yet")


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (4.0, "4 is not it. Hint: you have squared it."),
        (-2.0, "Hint: mind the sign."),
        (3.0, "Not yet: 3 is not it."),
        ([2.0, 2.0], "Hint: the shape is [2], where [] is asked for."),
        (np.nan, "Not yet: nan"),
        ([2.0, None], "nan] is not it"),
        ("two", "this is a str"),
        ("2", "this is a str"),
        (["2"], "this is a list"),
        (2 + 0j, "this is a complex"),
        ({"a": 1}, "this is a dict"),
        (lambda: 2, "this is a function"),
    ],
)
def test_a_wrong_answer_gets_what_is_wrong(capsys, attempt, words):
    text = said(capsys, attempt, 2.0, HINTS)
    assert text.startswith("Not yet")
    assert words in text


def test_the_tolerance_is_relative_to_the_largest_element(capsys):
    assert said(capsys, [1000.0, 0.05], [1000.0, 0.0], tolerance=1e-4).startswith("Correct")
    assert said(capsys, [1000.0, 0.2], [1000.0, 0.0], tolerance=1e-4).startswith("Not yet")
    assert said(capsys, 1e-9, 0.0).startswith("Not yet")


def test_hints_may_come_one_by_one(capsys):
    assert "you have squared it" in said(capsys, 4.0, 2.0, iter(HINTS))


def test_a_hint_for_the_right_answer_is_refused():
    with pytest.raises(ValueError, match="hints"):
        check(2.0, 2.0, [(2.0, "no")])
