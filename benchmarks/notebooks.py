"""All notebooks: how long they take to be checked, and how much memory their kernels hold."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from benchmarks.table import Row

ROOT = Path(__file__).resolve().parent.parent
IMPORTS = "import tensorflow as tf\nfrom tensorflow_probability import distributions as tfd"
PROBE = f"""import sys
sys.path.append({str(ROOT)!r})
from benchmarks.memory import megabytes
print(*megabytes())"""


def notebooks() -> list[Path]:
    """The notebooks of the course."""
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def checked(folder: Path, workers: int = 2) -> float:
    """The seconds that nbval takes for the notebooks of a folder, as `make test` calls it."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", f"{workers}", "--dist", "loadfile",
               "--no-loadscope-reorder", "--nbval", "--nbval-current-env",
               "-p", "no:cacheprovider", str(folder)]  # fmt: skip
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"nbval failed:\n{done.stdout[-2000:]}")
    return time.perf_counter() - start


def time_rows(folder: Path = ROOT / "notebooks") -> list[Row]:
    """nbval on all notebooks, against as many that import TensorFlow and TFP, before and after."""
    with tempfile.TemporaryDirectory() as scratch:
        count = len(list(folder.glob("*.ipynb")))
        cell = nbformat.v4.new_code_cell(IMPORTS, execution_count=1)
        cell.metadata.tags = ["nbval-ignore-output"]
        for i in range(count):
            notebook = nbformat.v4.new_notebook(cells=[cell])
            nbformat.write(notebook, Path(scratch) / f"{i}.ipynb")
        before, ours, after = (checked(path) for path in (Path(scratch), folder, Path(scratch)))
    what = f"{count} notebooks under nbval"
    against = f"{count} kernels that import TensorFlow and TFP"
    return [Row(what, against, [ours], [before, after], unit="s", at_most=3)]


def held(cells: list) -> tuple[float, float]:
    """The megabytes that a fresh kernel holds after these cells, and held at most."""
    cells = [*cells, nbformat.v4.new_code_cell(PROBE)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    resources = {"metadata": {"path": str(ROOT / "notebooks")}}
    NotebookClient(notebook, timeout=600, resources=resources).execute(stderr=subprocess.DEVNULL)
    now, peak = notebook.cells[-1].outputs[0].text.split()
    return float(now), float(peak)


def memory_rows() -> list[Row]:
    """Each notebook's kernel at its end and at its peak, against one with its imports alone."""
    found = []
    for path in notebooks():
        cells = nbformat.read(path, as_version=4).cells
        first = next(cell for cell in cells if cell.cell_type == "code")
        found.append((path.stem, *held(cells), held([first])[0]))
    rows = []
    for what, at in (("memory of a kernel after a notebook", 1), ("its peak", 2)):
        worst = max(found, key=lambda row: row[at] / row[3])
        name = f"{what}, the most ({worst[0]})"
        rows.append(Row(name, "after its imports", [worst[at]], [worst[3]], unit="MB", at_most=1.5))
    return rows
