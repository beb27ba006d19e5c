"""How the notebooks are written and stored, what their exercises say, and every explorer's corners."""

import contextlib
import io
import itertools
import linecache
import re
import sys
import warnings
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from PIL import Image

from course_utils import controls

ROOT = Path(__file__).resolve().parent.parent
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
sys.path.insert(0, str(ROOT / "tools"))

import store_notebooks  # noqa: E402

LAST = ["Common mistake", "Exercises", "Summary", "What's next", "References"]


@pytest.fixture(scope="module", params=PATHS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture(scope="module")
def notebook(path):
    return nbformat.read(path, as_version=4)


def code(notebook, tag=None):
    return [c for c in notebook.cells if c.cell_type == "code" and (tag is None or has(c, tag))]


def prose(notebook):
    return [c.source for c in notebook.cells if c.cell_type == "markdown"]


def has(cell, tag):
    return tag in cell.metadata.get("tags", [])


def lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def test_names_are_a_number_and_a_topic():
    numbers = [re.fullmatch(r"(\d\d)_[a-z_]+", path.stem)[1] for path in PATHS]
    assert numbers == [f"{i:02d}" for i in range(1, len(PATHS) + 1)]


# --- how a notebook is stored


def test_outputs_are_those_of_one_run_from_top_to_bottom(notebook):
    counts = [cell.execution_count for cell in code(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_nothing_of_widgets_or_machines_is_stored(path, notebook):
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    text = re.sub('"image/png": "[^"]+"', "", path.read_text(encoding="utf-8"))
    assert "widget-view" not in text and "widget-state" not in text
    assert str(ROOT) not in text and "site-packages" not in text and "/tmp/" not in text


def test_storing_again_changes_nothing(path, notebook):
    assert store_notebooks.normalise(notebook) == notebook
    assert nbformat.writes(notebook) == path.read_text(encoding="utf-8").rstrip("\n")


def test_no_output_is_an_error_but_a_meant_one(notebook):
    for cell in code(notebook):
        for output in cell.outputs:
            assert output.get("name") != "stderr", cell.source
            if output.output_type == "error":
                assert has(cell, "raises-exception"), cell.source
                assert output.traceback == [f"{output.ename}: {output.evalue}"]


def test_every_explorer_is_stored_as_a_picture_and_its_sentence(notebook):
    cells = [cell for cell in code(notebook) if re.search(r"^explore\(", cell.source, re.M)]
    assert 3 <= len(cells) <= 6
    for cell in cells:
        picture, sentence = cell.outputs
        assert list(picture.data) == ["image/png"] and list(sentence.data) == ["text/plain"]
        assert picture.metadata["image/png"]["alt"] == sentence.data["text/plain"]
        assert len(sentence.data["text/plain"]) > 20


def test_a_notebook_is_light(path):
    assert path.stat().st_size < 1.5e6


# --- how a notebook is written


def test_headings_are_the_goals_and_the_fixed_ends(path, notebook):
    text = "\n".join(prose(notebook))
    assert prose(notebook)[0].startswith(f"# {int(path.stem[:2])} · ")
    goals = re.findall(
        r"^- \*\*(.+?)\*\*", next(t for t in prose(notebook) if "You will learn" in t), re.M
    )
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert 3 <= len(goals) <= 5
    assert headings == goals + LAST
    assert len(re.findall(r"^# ", text, re.M)) == 1


def test_needs_and_minutes_are_stated(notebook):
    opening = "\n".join(prose(notebook)[:2])
    assert "**You need**" in opening and "NOTATION.md" in opening
    assert 20 <= int(re.search(r"\*\*Time\*\*: (\d+) minutes", opening)[1]) <= 45


def test_the_readme_lists_each_notebook_with_its_title_and_minutes():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (\d+) \| \[(.+?)\]\(notebooks/(.+?)\) \| .{20,} \| (\d+) \|$", readme, re.M
    )
    assert [row[2] for row in rows] == [path.name for path in PATHS]
    for number, title, name, minutes in rows:
        text = (ROOT / "notebooks" / name).read_text(encoding="utf-8")
        assert f"# {number} · {title}" in text and f"**Time**: {minutes} minutes" in text


def test_one_short_setup_cell(notebook):
    first, *others = code(notebook)
    assert first.source.startswith("from course_utils")
    assert len(lines(first)) <= 8 and "plotting.use_course_style()" in first.source
    for cell in others:
        assert not re.search(r"^(import|from) (?!course_utils)", cell.source, re.M), cell.source
    for cell in code(notebook):
        assert not re.search(r"import \*|sys\.path|set_seed|np\.random\.seed|filterwarnings|^[!%]",
                             cell.source, re.M)  # fmt: skip


def test_cells_are_short_and_prose_leads(notebook):
    sizes = sorted(len(lines(cell)) for cell in code(notebook))
    assert sizes[len(sizes) // 2] <= 4
    assert sizes[int(0.9 * len(sizes))] <= 10
    assert sizes[-1] <= 14
    assert len(prose(notebook)) >= len(sizes)
    words = sum(len(re.findall(r"\w+", text)) for text in prose(notebook))
    assert words / sum(sizes) >= 12


def test_no_two_code_cells_without_a_word_between_but_drawings_and_exercises(notebook):
    for before, after in itertools.pairwise(notebook.cells):
        if before.cell_type == after.cell_type == "code":
            hidden = before.metadata.get("jupyter", {}).get("source_hidden")
            assert hidden or has(after, "check") or has(after, "solution"), after.source


def test_words_of_the_house(notebook):
    text = "\n".join(prose(notebook))
    for word in (
        r"\bsimply\b",
        r"\bobviously\b",
        r"\bnote that\b",
        r"[a-z)]!(?!\[)",
        r"\bof course\b",
    ):
        assert not re.search(word, text, re.I), word
    assert not re.search(r"without (the )?reparametri[sz]ation", text, re.I)


def test_each_predict_has_an_explorer_and_a_folded_answer(notebook):
    text = "\n".join(cell.source for cell in notebook.cells)
    predicts = text.split("**Predict.**")[1:]
    assert len(predicts) >= 3
    for part in predicts:
        explorer, answer = part.find("explore("), part.find("<details><summary>Answer</summary>")
        assert 0 < explorer < answer


def test_details_are_closed_and_typeset(notebook):
    for text in prose(notebook):
        assert text.count("<details>") == text.count("</details>")
        assert len(re.findall(r"<details><summary>\w+</summary>\n\n", text)) == text.count(
            "<details>"
        )


def test_images_have_alt_text_and_links_lead_somewhere(path, notebook):
    numbered = {p.name for p in PATHS}
    for text in prose(notebook):
        for alt, target in re.findall(r"!\[(.*?)\]\((.+?)\)", text):
            assert len(alt) > 40, target
            assert (path.parent / target).is_file(), target
        for target in re.findall(r"(?<!!)\[[^\]]*\]\((?!https?:|#)(.+?)\)", text):
            later = re.fullmatch(r"\d\d_\w+\.ipynb", target) and target not in numbered
            assert later and target[:2] > max(numbered)[:2] or (path.parent / target).exists(), (
                target
            )


@pytest.mark.parametrize("image", sorted((ROOT / "images").iterdir()), ids=lambda p: p.stem)
def test_each_image_is_used_and_says_what_it_shows(image):
    texts = [p.read_text(encoding="utf-8") for p in PATHS]
    assert any(f"images/{image.name}" in text for text in texts)
    root = ElementTree.parse(image).getroot()
    svg = "{http://www.w3.org/2000/svg}"
    assert [child.tag for child in root][:2] == [f"{svg}title", f"{svg}desc"]
    assert all(len(child.text) > 20 for child in root[:2]) and root.get("role") == "img"
    assert set(root.get("aria-labelledby").split()) == {child.get("id") for child in root[:2]}
    assert root.findall(f".//{svg}text") and not root.findall(f".//{svg}script")
    assert "href" not in image.read_text(encoding="utf-8")  # nothing from outside
    assert image.stat().st_size < 20_000


def test_the_decision_diagram_shows_the_numbers_that_notebook_12_computes():
    notebook = nbformat.read(ROOT / "notebooks" / "12_choosing_an_estimator.ipynb", as_version=4)
    text = {
        cell.id: cell.outputs[0].text
        for cell in code(notebook)
        if cell.outputs and "text" in cell.outputs[0]
    }
    shown = dict(re.findall(r"^(\d\w?) +([\d.]+)$", text["branches-shown"], re.M))
    assert len(shown) == 9
    expected = {f"branch-{branch}": value for branch, value in shown.items()}
    best, _, two = re.search(r"^pick +(\d+)% +(\d+)% +(\d+)%", text["judged"], re.M).groups()
    expected |= {"judged-best": best, "judged-two": two}
    root = ElementTree.parse(ROOT / "images" / "choosing_an_estimator.svg").getroot()
    spans = root.iter("{http://www.w3.org/2000/svg}tspan")
    assert {span.get("id"): span.text for span in spans} == expected


def test_slides_are_marked(notebook):
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in notebook.cells]
    assert kinds[0] == "slide" and {"slide", "subslide", "fragment"} <= set(kinds)
    for cell, kind in zip(notebook.cells, kinds, strict=True):
        if (
            cell.source.startswith("## ")
            and "next" not in cell.source
            and "References" not in cell.source
        ):
            assert kind == "slide", cell.source


def test_exercises_have_stub_check_and_solution(notebook):
    stubs, checks, solutions = (code(notebook, tag) for tag in ("exercise", "check", "solution"))
    assert len(stubs) == len(checks) == len(solutions) >= 3
    titles = re.findall(r"^### Exercise (\d+): ", "\n".join(prose(notebook)), re.M)
    assert titles == [str(i + 1) for i in range(len(titles))] and len(titles) > len(stubs)
    assert "<details><summary>Proof</summary>" in "\n".join(prose(notebook))
    for stub, check, solution in zip(stubs, checks, solutions, strict=True):
        assert re.search(r"^    \.\.\.$", stub.source, re.M) and not stub.outputs
        assert check.outputs[0].text.startswith("Not answered yet")
        assert solution.outputs[0].text.startswith("The solution: Correct")
        assert check.metadata["jupyter"]["source_hidden"]
        assert solution.metadata["jupyter"] == {"source_hidden": True, "outputs_hidden": True}
        number = re.search(r"check_(\d+)\(", check.source)[1]
        assert f"check_{number}(solution_{number})" in solution.source


def test_nothing_depends_on_a_readers_answer(notebook):
    names = [re.match(r"def (\w+)", cell.source)[1] for cell in code(notebook, "exercise")]
    for name in names:
        users = [cell for cell in code(notebook) if re.search(rf"\b{name}\b", cell.source)]
        assert all(has(cell, "exercise") or has(cell, "check") for cell in users), name


# --- what runs in it, in this process: exercises and explorers


@pytest.fixture(scope="module")
def ran(path, notebook):
    """The names that the notebook defines, and its explorers, after a run of every cell."""
    explorers = []

    class Recorded(controls.Explorer):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            explorers.append(self)

    patch = pytest.MonkeyPatch()
    patch.setattr(controls, "Explorer", Recorded)
    patch.chdir(path.parent)
    names = {"__name__": path.stem}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            for cell in code(notebook):
                with (
                    contextlib.suppress(Exception)
                    if has(cell, "raises-exception")
                    else warnings.catch_warnings()
                ):
                    name = f"{path.stem}:{cell.id}"
                    lines = [f"{line}\n" for line in cell.source.split("\n")]
                    linecache.cache[name] = 0, None, lines, name  # TensorFlow compiles from it
                    exec(compile(cell.source, name, "exec"), names)
    finally:
        plt.close("all")
        patch.undo()
    return names, explorers


def test_every_check_takes_its_solution_and_refuses_a_wrong_answer(ran, capsys):
    names, _ = ran
    numbers = [name.split("_")[1] for name in names if re.fullmatch(r"check_\d+", name)]
    assert len(numbers) >= 3
    for number in numbers:
        check, solution = names[f"check_{number}"], names[f"solution_{number}"]
        check(solution)
        assert capsys.readouterr().out.startswith("Correct")
        for wrong in (
            lambda *a, solution=solution: np.asarray(solution(*a)) * 1.01 + 0.01,
            lambda *a, solution=solution: -np.asarray(solution(*a)) - 1,
        ):
            check(wrong)
            assert capsys.readouterr().out.startswith("Not yet")


def settings(explorer, anywhere=6):
    """Every combination of the ends of its controls; from the start, one control at an end; some
    drawn by chance from all of them."""
    ends = {name: (c.values[0], c.values[-1]) for name, c in explorer.controls.items()}
    start = {name: c.start for name, c in explorer.controls.items()}
    from_start = [start | {name: end} for name, pair in ends.items() for end in pair]
    combined = [
        dict(zip(ends, values, strict=True)) for values in itertools.product(*ends.values())
    ]
    rng = np.random.default_rng(0)
    drawn = [
        {name: c.values[rng.integers(len(c.values))] for name, c in explorer.controls.items()}
        for _ in range(anywhere)
    ]
    return [start, *from_start, *combined, *drawn]


MINUS_ZERO = r"(?<![\w.])[-−]0(\.0*)?(?![\w.])"


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_every_explorer_draws_at_every_corner_and_between(ran):
    _, explorers = ran
    assert len(explorers) >= 3
    for explorer in explorers:
        sentences = set()
        for values in settings(explorer):
            explorer._hold = True  # one picture for all, not one a control
            for name, value in values.items():
                explorer.boxes[name].value = value
            explorer._hold = False
            explorer._move()
            assert explorer.values.items() >= values.items()
            shown = explorer.widget.children[-1].value
            assert 'role="alert"' not in shown, (values, shown)
            assert not re.search(r"\b(nan|inf)\b", explorer.sentence), (values, explorer.sentence)
            assert not re.search(MINUS_ZERO, explorer.sentence), (values, explorer.sentence)
            sentences.add(explorer.sentence)
            kept, explorer._frame = explorer.png, None  # the same picture with nothing kept
            explorer._paint()
            np.testing.assert_array_equal(pixels(kept), pixels(explorer.png), err_msg=str(values))
        assert len(sentences) > 1
        explorer.reset()


def test_new_noise_changes_the_picture_and_reset_brings_it_back(ran):
    for explorer in ran[1]:
        explorer.reset()
        first = explorer.png
        if "seed" in explorer.values:
            explorer.new_noise()
            assert not np.array_equal(pixels(first), pixels(explorer.png))
            explorer.reset()
        np.testing.assert_array_equal(pixels(first), pixels(explorer.png))


# --- the storing itself


def test_normalising_splits_an_explorer_and_reduces_a_traceback():
    explorer = controls.explore(lambda ax: "a sentence of five words")
    cell = nbformat.v4.new_code_cell("explore(draw)", execution_count=3)
    cell.metadata = nbformat.from_dict({"tags": ["x"], "execution": {"iopub.busy": "2026"}})
    cell.outputs = [
        nbformat.v4.new_output("stream", text="a"),
        nbformat.v4.new_output("stream", text="b"),
        nbformat.v4.new_output("execute_result", explorer._repr_mimebundle_(), execution_count=3),
        nbformat.v4.new_output("display_data", {store_notebooks.WIDGET: {}, "text/plain": "bar"}),
        nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=["/home/x.py"]),
    ]
    made = nbformat.v4.new_notebook(
        cells=[cell], metadata={"widgets": {}, "kernelspec": {"name": "x", "display_name": "X"}}
    )
    stored = store_notebooks.normalise(made)
    stream, picture, sentence, bar, error = stored.cells[0].outputs
    assert stream.text == "ab"
    assert set(picture.data) == {"image/png"} and picture.output_type == "display_data"
    assert sentence.data == {"text/plain": "a sentence of five words"}
    assert bar.data == {"text/plain": "bar"}
    assert error.traceback == ["ValueError: no"]
    assert stored.cells[0].metadata == {"tags": ["x"]}
    assert set(stored.metadata) == {"kernelspec", "language_info"}
    assert store_notebooks.normalise(stored) == stored


def test_a_notebook_that_fails_is_left_as_it_was(tmp_path, capsys):
    target = tmp_path / "bad.ipynb"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    nbformat.write(made, target)
    before = target.read_bytes()
    assert store_notebooks.main([str(target)]) == 1
    assert target.read_bytes() == before
    assert "ZeroDivisionError" in capsys.readouterr().err
