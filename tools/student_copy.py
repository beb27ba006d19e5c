"""Write a copy of the course without solutions: what students start from.

    python tools/student_copy.py [FOLDER]        (default: build/student)

A notebook of the copy has no solution cells, and its exercises no folded proofs and answers; stubs
and checks stay, with the stored "Not answered yet".  `make lab` and `make slides` work in the
copy; the project's tests, tools and TEACHING.md are left out, and what README.md and Makefile say
of them.  A copy that is there is made anew, and what was added to it stays, `.git` for one; a
folder with anything else in it is refused.  Only the standard library is used.
"""

import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = [
    ".gitignore", ".jupyter", "CITATION.cff", "LICENSE", "Makefile", "NOTATION.md", "README.md",
    "constraints.txt", "course_utils", "environment.yml", "images", "notebooks",
    "pyproject.toml", "tools/setup.py",
]  # fmt: skip
RECORD = ".student-copy"  # lists the files that were written
PROOF = re.compile(
    r"\n*<details><summary>(Proof|Derivation|Answer)</summary>.*?</details>", re.DOTALL
)
# of README.md and Makefile: what asks for the project's tests, tools and TEACHING.md
REST = re.compile(r"^make (?:test|site) .*\n| Lecture routes, .*|\n## Contribute[\s\S]*", re.M)


def without_solutions(notebook: dict) -> dict:
    """Return the notebook as a student gets it."""
    cells, in_exercises, count = [], False, 0
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if "solution" in cell["metadata"].get("tags", []):
            continue
        if cell["cell_type"] == "code":
            count += 1
            cell = cell | {"execution_count": count, "outputs": [
                output | {"execution_count": count} if "execution_count" in output else output
                for output in cell["outputs"]]}  # fmt: skip
        elif source.startswith("## "):
            in_exercises = source.startswith("## Exercises")
        if in_exercises and cell["cell_type"] == "markdown":
            source = PROOF.sub("", source).replace(" Solutions are folded away too.", "")
            cell = cell | {"source": source.splitlines(keepends=True)}
            if not source.strip():
                continue
        cells.append(cell)
    return notebook | {"cells": cells}


def for_students(name: Path, text: str) -> str:
    """Return the text of a notebook, of README.md or of the Makefile as a student gets it."""
    if name.suffix != ".ipynb":
        return REST.sub("", text)
    notebook = without_solutions(json.loads(text))
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main(target: Path) -> None:
    """Write the copy, or leave with one line that says why not."""
    inside = target.is_relative_to(ROOT) and not target.is_relative_to(ROOT / "build")
    if inside or target in ROOT.parents:
        sys.exit(f"{target} is in the course or around it: name a folder elsewhere, or in build.")
    record = target / RECORD
    if record.exists():
        for name in record.read_text(encoding="utf-8").splitlines():
            (target / name).unlink(missing_ok=True)
    elif target.is_file() or target.is_dir() and {p.name for p in target.iterdir()} - {".git"}:
        sys.exit(f"{target} is neither empty nor a copy made by this tool: name another folder.")

    found = (path for name in KEPT for path in [ROOT / name, *(ROOT / name).rglob("*")])
    left_out = {"__pycache__", ".ipynb_checkpoints"}
    files = [p.relative_to(ROOT) for p in found if p.is_file() and not left_out & set(p.parts)]
    target.mkdir(parents=True, exist_ok=True)
    record.write_text("".join(f"{name.as_posix()}\n" for name in sorted(files)), encoding="utf-8")
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if name.suffix == ".ipynb" or name.name in ("README.md", "Makefile"):
            text = (ROOT / name).read_text(encoding="utf-8")
            (target / name).write_text(for_students(name, text), encoding="utf-8")
        else:
            shutil.copy(ROOT / name, target / name)
    print(f"The course without solutions is in {target}.")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "student").resolve())
