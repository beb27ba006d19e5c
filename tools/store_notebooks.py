"""Run notebooks top to bottom, each in a fresh kernel, and store them with normalised outputs.

    python tools/store_notebooks.py [NOTEBOOK ...]        (default: all of notebooks/)

Normalising drops widget views and state and version metadata, splits an explorer's output into its
picture and its sentence, leaves a progress bar's label, and reduces a meant traceback to
`Type: message`.  A second run changes no byte.  The exit status is 1 where a cell fails; that
notebook is left as it was.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
KEPT = ("tags", "slideshow", "jupyter")


def normalise(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the executed notebook as it is stored; idempotent."""
    notebook = nbformat.from_dict(notebook)
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in KEPT})
        if cell.cell_type == "code":
            cell.outputs = [new for output in cell.outputs for new in _outputs(output)]
            cell.outputs = _join_streams(cell.outputs)
    return notebook


def _outputs(output: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    if output.output_type == "error":
        output.traceback = [f"{output.ename}: {output.evalue}"]
    if WIDGET not in output.get("data", {}):
        return [output]
    sentence = output.data["text/plain"]
    parts = [({"text/plain": sentence}, {})]
    if "image/png" in output.data:  # a progress bar has none
        metadata = {"image/png": {"alt": sentence}}
        parts.insert(0, ({"image/png": output.data["image/png"]}, metadata))
    return [
        nbformat.v4.new_output("display_data", data=data, metadata=metadata)
        for data, metadata in parts
    ]


def _join_streams(outputs: list) -> list:
    """How a kernel cuts what is printed into messages is chance; one message a run is kept."""
    joined = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
        else:
            joined.append(output)
    return joined


def store(path: Path) -> str | None:
    """Run one notebook and write it back; return what went wrong."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook, kernel_name="python3", timeout=600, resources={"metadata": {"path": path.parent}}
    )
    try:
        client.execute(stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        return f"{path.name}: {error.ename}: {error.evalue}\n{error.traceback}"
    nbformat.write(normalise(notebook), path)
    print(f"{path.name}: {path.stat().st_size // 1024} KB")
    return None


def main(names: list[str]) -> int:
    """Store the notebooks named, two at a time; return the exit status."""
    paths = [Path(name).resolve() for name in names] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    with ThreadPoolExecutor(max_workers=2) as pool:
        problems = [problem for problem in pool.map(store, paths) if problem]
    print(*problems, sep="\n", file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
