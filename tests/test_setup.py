"""What `make` says where a machine lacks something, and that a second start installs nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = ["Makefile", "pyproject.toml", "constraints.txt", "tools/setup.py", "README.md", "LICENSE"]

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


@pytest.fixture
def copy(tmp_path):
    """A copy of the project with nothing set up, in a folder with a space in its name."""
    folder = tmp_path / "the course"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "course_utils", folder / "course_utils")
    return folder


def make(folder, *arguments, **environment):
    command = ["make", "--no-print-directory", "-C", str(folder), *arguments]
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "PYTHON")}
    done = subprocess.run(command, capture_output=True, text=True, env=env | environment)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "***" not in line]
    return done.returncode, [line for line in lines if line.strip()]


def test_without_a_python_in_range_one_line_says_so(copy):
    code, lines = make(copy, "setup", "PYTHON=")
    assert code != 0 and len(lines) == 1
    assert "Python 3.11, 3.12 or 3.13" in lines[0]


def test_a_python_out_of_range_is_named(copy, tmp_path):
    old = tmp_path / "python"
    old.write_text(f'#!/bin/sh\nexec "{sys.executable}" - "$@" <<E\nimport sys\n'
                   f'sys.version_info = (3, 10, 0)\nsys.version = "3.10.0"\nsys.argv = ["", "lab"]\n'
                   f'__file__ = "{copy}/tools/setup.py"\nexec(open(__file__).read())\nE\n')  # fmt: skip
    old.chmod(0o755)
    code, lines = make(copy, "setup", f"PYTHON={old}")
    assert code != 0 and len(lines) == 1
    assert "3.10.0" in lines[0] and "PYTHON=" in lines[0]


def test_without_venv_one_line_says_what_to_install(copy, tmp_path):
    hide = tmp_path / "hide"
    hide.mkdir()
    (hide / "ensurepip.py").write_text("raise ImportError('not here')\n")
    code, lines = make(copy, "setup", f"PYTHON={sys.executable}", PYTHONPATH=str(hide))
    assert code != 0 and lines[0].startswith("Setting up")
    assert len(lines) == 2 and "-venv" in lines[1]


def test_in_a_folder_that_cannot_be_written_one_line_says_so(copy, tmp_path):
    reader = tmp_path / "python"
    reader.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exec "{sys.executable}" "$@"\n'
                      f'exec "{sys.executable}" - <<E\nimport sys, venv\n'
                      f'def create(folder, **_): raise PermissionError(13, "denied", str(folder))\n'
                      f'venv.create = create\nsys.argv = ["", "lab"]\n'
                      f'__file__ = "{copy}/tools/setup.py"\nexec(open(__file__).read())\nE\n')  # fmt: skip
    reader.chmod(0o755)
    code, lines = make(copy, "setup", f"PYTHON={reader}")
    assert code != 0 and len(lines) == 2
    assert "cannot be written" in lines[1] and str(copy) in lines[1]


def test_constraints_that_are_not_there_are_named(copy):
    code, lines = make(copy, "setup", f"PYTHON={sys.executable}", "CONSTRAINTS=nope.txt")
    assert code != 0 and len(lines) == 1 and "nope.txt" in lines[0]
    assert not (copy / ".venv").exists()


def test_without_a_network_one_line_says_so_and_a_second_run_tries_again(copy):
    offline = dict(PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE=os.devnull)
    for _ in range(2):
        code, lines = make(copy, "setup", f"PYTHON={sys.executable}", **offline)
        assert code != 0 and len(lines) == 2
        assert "check the network" in lines[1]
    assert "ERROR" in (copy / ".venv" / "setup.log").read_text()


def stand_in(copy):
    """Let the project need nothing, so that a whole set-up takes seconds."""
    (copy / "pyproject.toml").write_text(
        '[project]\nname = "stand-in"\nversion = "1"\noptional-dependencies.test = []\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (copy / "backend.py").write_text(
        "import zipfile\n"
        "def build_editable(folder, *_):\n"
        "    name = 'stand_in-1-py3-none-any.whl'\n"
        "    with zipfile.ZipFile(f'{folder}/{name}', 'w') as wheel:\n"
        "        info = 'stand_in-1.dist-info'\n"
        "        meta = 'Metadata-Version: 2.1\\nName: stand-in\\nVersion: 1\\nProvides-Extra: test\\n'\n"
        "        wheel.writestr(f'{info}/METADATA', meta)\n"
        "        wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nTag: py3-none-any\\n')\n"
        "        wheel.writestr(f'{info}/RECORD', '')\n"
        "    return name\n"
    )


def test_a_second_start_is_at_once_and_an_interrupted_one_is_repaired(copy):
    stand_in(copy)
    python = f"PYTHON={sys.executable}"
    assert make(copy, "setup-test", python)[0] == 0
    log = copy / ".venv" / "setup.log"
    first = log.read_text()
    assert make(copy, "setup-test", python) == (0, [])  # silent: nothing is done
    assert make(copy, "setup", python) == (0, [])  # what the tests need holds what the lab needs
    assert log.read_text() == first

    (copy / ".venv" / "setup-not-finished").touch()  # as a kill in the middle of pip leaves it
    (copy / ".venv" / "installed-test").unlink()
    (copy / ".venv" / "bin" / "pip").write_text("broken")
    assert make(copy, "setup-test", python)[0] == 0
    assert (copy / ".venv" / "installed-test").exists()
    assert "broken" not in (copy / ".venv" / "bin" / "pip").read_text()

    (copy / "constraints.txt").write_text("# newer\n")
    code, lines = make(copy, "setup-test", python)
    assert code == 0 and lines[0].startswith("Setting up")

    shutil.rmtree(copy / ".venv" / "lib")  # a set-up cut short before pip
    (copy / ".venv" / "installed-test").unlink()
    (copy / ".venv" / "made-by").unlink()
    assert make(copy, "setup-test", python)[0] == 0


def test_other_versions_in_between_are_noticed(copy):
    stand_in(copy)
    python = f"PYTHON={sys.executable}"
    for arguments in (["setup-test"], ["setup", "CONSTRAINTS="], ["setup-test"]):
        code, lines = make(copy, *arguments, python)
        assert code == 0 and lines and lines[0].startswith("Setting up"), arguments


def test_a_moved_folder_is_set_up_anew(copy):
    stand_in(copy)
    python = f"PYTHON={sys.executable}"
    assert make(copy, "setup", python)[0] == 0
    moved = copy.rename(copy.with_name("moved"))
    code, lines = make(moved, "setup", python)
    assert code == 0 and lines[0].startswith("Setting up")
    assert str(moved) in (moved / ".venv" / "bin" / "pip").read_text()
