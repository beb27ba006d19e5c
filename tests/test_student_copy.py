"""The copy without solutions: nothing is given away, what is left runs and is the notebook as it was."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    target = tmp_path_factory.mktemp("copy") / "student"
    command = [sys.executable, str(ROOT / "tools" / "student_copy.py"), str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return target


def has(cell, tag):
    return tag in cell.metadata.get("tags", [])


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_keeps_all_but_its_solutions(copy, name):
    whole = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    student = nbformat.read(copy / "notebooks" / name, as_version=4)
    nbformat.validate(student)
    assert sum(has(cell, "solution") for cell in whole.cells) >= 3
    text = (copy / "notebooks" / name).read_text(encoding="utf-8")
    assert "solution" not in text.split("## Exercises")[1].lower()
    assert "<details>" not in text.split("## Exercises")[1]

    codes = [cell for cell in student.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in codes] == list(range(1, len(codes) + 1))
    kept = [cell for cell in whole.cells if cell.cell_type == "code" and not has(cell, "solution")]
    assert [cell.source for cell in codes] == [cell.source for cell in kept]
    assert sum(has(cell, "check") for cell in codes) == sum(has(cell, "exercise") for cell in codes)
    for cell in codes:
        if has(cell, "check"):
            assert cell.outputs[0].text.startswith("Not answered yet")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_left_needs_a_solution(copy, name):
    whole = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))
    student = nbformat.read(copy / "notebooks" / name, as_version=4)
    code = "\n".join(cell.source for cell in student.cells if cell.cell_type == "code")
    for cell in whole["cells"]:
        if "solution" in cell["metadata"].get("tags", []):
            for defined in re.findall(r"^(?:def )?(\w+)(?:\(| =)", "".join(cell["source"]), re.M):
                if not defined.startswith("check_"):
                    assert not re.search(rf"\b{defined}\b", code) or re.search(
                        rf"^(def )?{defined}\b", code, re.M
                    ), defined


def test_a_notebook_of_the_copy_runs_and_gives_what_is_stored(copy):
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider",
               f"notebooks/{NAMES[0]}"]  # fmt: skip
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)


def test_make_lab_is_in_the_copy_with_all_it_needs(copy):
    for name in ("Makefile", "tools/setup.py", "pyproject.toml", "constraints.txt", "course_utils"):
        assert (copy / name).exists(), name
    shown = subprocess.run(["make", "-n", "-C", str(copy), "lab"], capture_output=True, text=True)
    assert shown.returncode == 0 and "jupyterlab" in shown.stdout
    links = re.findall(
        r"\]\((?!https?:)([^)#]+)\)", (copy / "README.md").read_text(encoding="utf-8")
    )
    assert links and all((copy / link).exists() for link in links)
