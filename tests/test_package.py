"""The set-up's files agree, TensorFlow starts quietly, and the layers do not know each other."""

import ast
import gc
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import course_utils

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = dict(line.split("==") for line in LINES if not line.startswith("#"))
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [Requirement(line) for line in sum(EXTRAS.values(), PROJECT["dependencies"])]
UNPINNED = {"torch", "jupyterhub"}  # see pyproject.toml
PINNED = [requirement for requirement in DIRECT if requirement.name not in UNPINNED]


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("requirement", PINNED, ids=str)
def test_each_direct_dependency_is_pinned_within_its_range(requirement):
    pins = {canonical(name): pin for name, pin in PINS.items()}
    assert Version(pins[canonical(requirement.name)]) in requirement.specifier


def test_each_range_has_a_reason():
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    ranges = [line for line in lines if re.match(r'    "[\w-]+[><=]', line)]
    assert len(ranges) == len(DIRECT)
    assert all(re.search(r'",\s+# \w', line) for line in ranges)


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("course_utils", []),
        ("tests", ["test"]),
        ("tools", ["test"]),
        ("benchmarks", ["test", "bench"]),
        ("hub", ["hub"]),
    ],
)
def test_each_imported_package_is_declared(folder, extras):
    declared = sum((EXTRAS[extra] for extra in extras), PROJECT["dependencies"])
    names = {canonical(Requirement(line).name) for line in declared}
    own = {name for path in ROOT.glob("*/*.py") for name in (path.parent.name, path.stem)}
    packages, missing = packages_distributions(), set()
    for path in (ROOT / folder).rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        modules = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
        modules |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
        for module in {name.split(".")[0] for name in modules} - own - sys.stdlib_module_names:
            if not names & {canonical(name) for name in packages.get(module, [module])}:
                missing.add((path.name, module))
    assert not missing


@pytest.mark.pinned
def test_the_installed_versions_are_the_pinned_ones():
    installed = {name: version(name) for name in PINS if _is_installed(name)}
    assert {name: PINS[name] for name in installed} == installed
    assert len(installed) > 0.9 * len(PINS)  # some belong to other systems and Pythons


def _is_installed(name):
    try:
        return bool(version(name))
    except ImportError:
        return False


def test_tf_keras_has_the_minor_version_of_tensorflow():
    assert PINS["tf_keras"].split(".")[:2] == PINS["tensorflow"].split(".")[:2]


def test_environment_is_python_pip_and_this_project_under_the_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, packages = environment["dependencies"]
    assert re.fullmatch(r"python=3\.1[123]", python) and pip == "pip"
    assert packages == {"pip": ["-c constraints.txt", "-e ."]}


def test_the_start_is_quiet_down_to_the_file_descriptor():
    code = """import course_utils, tensorflow as tf
from tensorflow_probability import distributions as tfd
tf.random.stateless_normal([2], [0, 1]) + 1
tfd.OneHotCategorical(logits=[0.0, 1.0]).sample(5, seed=(0, 1))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_errors_after_the_start_still_show():
    code = "import course_utils, sys; print('shown', file=sys.stderr); raise SystemError('too')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "shown" in done.stderr and "SystemError: too" in done.stderr


def test_the_garbage_collector_is_spared_the_imports_and_left_as_it_was():
    assert gc.get_freeze_count() > 100_000
    was_on = gc.isenabled()
    for switch in (gc.disable, gc.enable):
        switch()
        with course_utils._spared_from_collection():
            assert not gc.isenabled()
        assert gc.isenabled() == (switch is gc.enable)
    if not was_on:
        gc.disable()


def test_no_accelerator_is_taken():
    import tensorflow as tf

    assert {device.device_type for device in tf.config.list_logical_devices()} == {"CPU"}


MATHEMATICS = {
    "_checks",
    "sampling",
    "estimators",
    "relaxations",
    "rejection",
    "control_variates",
    "exact",
    "variance",
}
FILES = sorted((ROOT / "course_utils").rglob("*.py"))


def imports(module):
    single = ROOT / "course_utils" / f"{module}.py"
    files = [single] if single.exists() else sorted((ROOT / "course_utils" / module).glob("*.py"))
    names = set()
    for node in (n for f in files for n in ast.walk(ast.parse(f.read_text(encoding="utf-8")))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
            if node.module.startswith("course_utils"):
                names |= {alias.name for alias in node.names} | set(node.module.split("."))
    return names


@pytest.mark.parametrize("module", sorted(MATHEMATICS))
def test_mathematics_knows_no_figures_and_no_controls(module):
    assert not imports(module) & {"matplotlib", "seaborn", "ipywidgets", "plotting", "controls"}


def test_figures_know_no_controls_and_exact_no_estimators():
    assert not imports("plotting") & {"ipywidgets", "controls"}
    inside = {"relaxations", "rejection", "control_variates"}
    assert not imports("exact") & (inside | {"estimators"})
    assert not any("estimators" in imports(name) for name in inside)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_module_touches_global_randomness(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"set_seed|np\.random|random\.seed|tf\.random\.(normal|uniform)\b", text)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_public_functions_have_hints_and_docstrings_that_name_every_argument(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            text = ast.get_docstring(node)
            assert text, node.name
            assert node.returns is not None or path.stem.startswith("_"), node.name
            if "Args:" in text:
                arguments = [a.arg for a in node.args.args + node.args.kwonlyargs]
                section = text.split("Args:")[1].split("\n\n")[0]
                missing = [a for a in arguments if not re.search(rf"\b{a}\b", section)]
                assert not missing, (node.name, missing)
