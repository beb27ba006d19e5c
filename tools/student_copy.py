"""Write a copy of the course without solutions: what students start from.

    python tools/student_copy.py [FOLDER]        (default: build/student, made anew)

A notebook of the copy has no solution cells, and its exercises no folded proofs and answers; stubs
and checks stay, with the stored "Not answered yet".  `make lab` works in the copy; the project's
own tests, which ask for the solutions, are left out.  Only the standard library is used.
"""

import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = [
    ".gitignore", ".jupyter", "CITATION.cff", "LICENSE", "Makefile", "NOTATION.md", "README.md",
    "TEACHING.md", "constraints.txt", "course_utils", "environment.yml", "images", "notebooks",
    "pyproject.toml", "tools/setup.py",
]  # fmt: skip
PROOF = re.compile(
    r"\n*<details><summary>(Proof|Derivation|Answer)</summary>.*?</details>", re.DOTALL
)


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


def main(target: Path) -> None:
    """Write the copy."""
    shutil.rmtree(target, ignore_errors=True)
    for name in KEPT:
        source, place = ROOT / name, target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            unwanted = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
            shutil.copytree(source, place, ignore=unwanted)
        else:
            shutil.copy(source, place)
    for path in sorted((target / "notebooks").glob("*.ipynb")):
        notebook = without_solutions(json.loads(path.read_text(encoding="utf-8")))
        text = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True)
        path.write_text(text + "\n", encoding="utf-8")
    print(f"The course without solutions is in {target}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "build" / "student")
