"""The copy without solutions: nothing is given away, what is left runs and is the notebook as it was."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


def write(target, project=ROOT):
    command = [sys.executable, str(project / "tools" / "student_copy.py"), str(target)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    target = tmp_path_factory.mktemp("copy") / "student"
    assert write(target).returncode == 0
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


@pytest.mark.pinned
def test_a_notebook_of_the_copy_runs_and_gives_what_is_stored(copy):
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider",
               f"notebooks/{NAMES[0]}"]  # fmt: skip
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_what_make_offers_in_the_copy_is_there(copy):
    def make(*arguments):
        command = ["make", "--no-print-directory", "-C", str(copy), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    offered = set(re.findall(r"^make (\w+)", make("help"), re.M))
    texts = [path.read_text(encoding="utf-8") for path in copy.glob("*.md")]
    assert offered == set(re.findall(r"(?:^|`)make (\w+)", "\n".join(texts), re.M)) > {"lab"}
    for target in offered:
        files = re.findall(r"\b(?:tools|notebooks)/\w[\w.]+", make("-n", target))
        assert files and all((copy / file).is_file() for file in files), target
    for name in ("pyproject.toml", "constraints.txt", "course_utils"):  # tools/setup.py needs them
        assert (copy / name).exists(), name


def test_the_copys_links_lead_somewhere(copy):
    links = [
        (path.name, link)
        for path in copy.glob("*.md")
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    ]
    assert ("README.md", "NOTATION.md") in links
    assert [link for link in links if not (copy / link[1]).exists()] == []


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of its own, so that a copy over it would harm nothing."""
    folder = tmp_path_factory.mktemp("home") / "course"
    ignored = shutil.ignore_patterns(".git", ".venv", "build", ".*_cache", "__pycache__")
    return shutil.copytree(ROOT, folder, ignore=ignored)


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_is_made_anew_and_what_a_teacher_added_stays(tmp_path):
    (tmp_path / ".git").mkdir()  # a repository of its own
    assert write(tmp_path).returncode == 0
    made = files(tmp_path)
    added = [tmp_path / name for name in (".git/config", "dates.txt", "notebooks/13_mine.ipynb")]
    for path in added:
        path.write_text("mine")
    (tmp_path / "notebooks" / NAMES[0]).write_text("changed")
    old = tmp_path / "notebooks" / "old.ipynb"  # as a notebook that has a new name since
    shutil.copy(tmp_path / "notebooks" / NAMES[1], old)
    with (tmp_path / ".student-copy").open("a") as record:
        record.write("notebooks/old.ipynb\n")
    assert write(tmp_path).returncode == 0
    assert files(tmp_path) == made | dict.fromkeys(added, b"mine")


@pytest.mark.parametrize("place", [".", "..", "notebooks", "notebooks/copy", "build", "build/mine"])
def test_a_folder_that_is_no_copy_is_refused_in_one_line(project, place):
    target = project / place
    target.mkdir(parents=True, exist_ok=True)
    (project / "build" / "mine").mkdir(parents=True, exist_ok=True)
    (project / "build" / "mine" / "thesis.txt").write_text("mine")
    before = files(project.parent)
    done = write(target, project)
    assert files(project.parent) == before
    assert done.returncode != 0 and str(target.resolve()) in done.stderr
    assert len((done.stdout + done.stderr).splitlines()) == 1


def test_a_project_that_began_as_a_copy_is_refused_too(project):
    record = project / ".student-copy"
    record.write_text("README.md\n")
    done = write(project, project)
    record.unlink()
    assert done.returncode != 0 and (project / "README.md").exists()
