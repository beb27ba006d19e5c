"""Create .venv and install the course in it; return at once where that is done.

    python tools/setup.py lab|test [CONSTRAINTS]

`lab` installs what the notebooks need, `test` also what the tests need.  CONSTRAINTS is a file of
exact versions, "" for the newest that pyproject.toml allows.  Only the standard library is used.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
BUSY = VENV / "setup-not-finished"


def fingerprint(constraints: str) -> str:
    """What an installation depends on: the files that ask for it, this Python, and the folder."""
    files = [
        ROOT / "pyproject.toml",
        Path(__file__),
        *([ROOT / constraints] if constraints else []),
    ]
    parts = [path.read_bytes() for path in files] + [sys.version.encode(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def run(*command: str) -> bool:
    """Run a command with its output in .venv/setup.log; tell whether it succeeded."""
    with (VENV / "setup.log").open("a") as log:
        return subprocess.run(command, cwd=ROOT, stdout=log, stderr=log).returncode == 0


def make_venv() -> None:
    """An environment with pip; made anew unless the one there is whole and this Python's."""
    try:
        import ensurepip  # noqa: F401  (Debian ships venv without it)
        import venv
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        sys.exit(f"This Python has no venv: run `apt install python{version}-venv` (or your "
                 "system's like), then the same command again.")  # fmt: skip
    owner = VENV / "made-by"
    mark = f"{sys.version}\n{ROOT}\n"
    whole = owner.exists() and owner.read_text() == mark and not BUSY.exists()
    if not (whole and PYTHON.exists()):
        venv.create(VENV, clear=True, with_pip=True)
        owner.write_text(mark)


def main(kind: str, constraints: str) -> None:
    """Set up what `kind` needs, or leave with one line that says what to do."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.exit(f"The course needs Python 3.11, 3.12 or 3.13, and {sys.executable} is "
                 f"{sys.version.split()[0]}: name another with PYTHON=...")  # fmt: skip
    if constraints and not (ROOT / constraints).is_file():
        sys.exit(f"There is no {constraints}: CONSTRAINTS names a file of exact versions, or none.")
    wanted = fingerprint(constraints)
    stamps = [VENV / f"installed-{name}" for name in ("test", "lab")[: 1 if kind == "test" else 2]]
    if any(stamp.exists() and stamp.read_text() == wanted for stamp in stamps):
        return
    print("Setting up the course in .venv (the first time a few minutes and 2 GB) ...", flush=True)
    try:
        make_venv()
        for stamp in VENV.glob("installed-*"):  # soon no longer what is installed
            stamp.unlink()
        BUSY.touch()
    except PermissionError as error:
        sys.exit(f"This folder cannot be written ({error.filename}): copy the course to a "
                 "folder of yours and run the same command there.")  # fmt: skip
    pins = ["-c", constraints] if constraints else []
    install = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", *pins]
    done = run(*install, "-e", ".[test]" if kind == "test" else ".")
    BUSY.unlink()
    if not done:
        sys.exit("Installing failed: check the network and run the same command again "
                 "(pip's own report is in .venv/setup.log).")  # fmt: skip
    (VENV / f"installed-{kind}").write_text(wanted)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
