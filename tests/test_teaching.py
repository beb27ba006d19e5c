"""TEACHING.md names sections, explorers and exercises that are there."""

import re
import runpy
import shutil
from pathlib import Path
from unittest.mock import Mock

import nbformat

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
NOTEBOOKS = {
    path.name[:2]: nbformat.read(path, as_version=4)
    for path in (ROOT / "notebooks").glob("*.ipynb")
}


def prose(number):
    return "\n".join(c.source for c in NOTEBOOKS[number].cells if c.cell_type == "markdown")


def test_it_is_three_screens_long():
    assert len(TEXT.splitlines()) <= 120


def test_sections_are_there_under_their_names():
    routes = TEXT.split("## Routes")[1].split("\n## ")[0]
    headings = {n: re.findall(r"^## (.+)$", prose(n), re.M) for n in NOTEBOOKS}
    named = re.findall(r"\b(\d\d)\b((?:(?!\b\d\d\b)[^|;.])*)", routes)
    count = 0
    for number, rest in named:
        for title in re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", rest):
            if number in headings:
                assert any(h.startswith(title) for h in headings[number]), (number, title)
                count += 1
    assert count > 20


def test_explorers_and_exercises_are_there():
    ids = {cell.id for notebook in NOTEBOOKS.values() for cell in notebook.cells}
    explorers = re.findall(r"`(explore-\w+)`", TEXT)
    assert len(explorers) > 15 and set(explorers) <= ids
    for number, exercises in re.findall(r"\b(\d\d): (\d(?:, \d)*)", TEXT):
        for exercise in exercises.split(", "):
            if number in NOTEBOOKS:
                assert f"### Exercise {exercise}: " in prose(number), (number, exercise)


def test_its_links_and_commands_are_there():
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", TEXT):
        assert (ROOT / link).exists(), link
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ((?:\w+ ?)+)", TEXT):
        for word in set(target.split()) & {"slides", "student", "lab", "setup"}:
            assert re.search(rf"^.*\b{word}\b.*:", makefile, re.M), word


def test_the_hub_asks_for_the_one_password(tmp_path, monkeypatch):
    (tmp_path / "hub").mkdir()
    file = shutil.copy(ROOT / "hub" / "jupyterhub_config.py", tmp_path / "hub")
    monkeypatch.setenv("COURSE_PASSWORD", "a long password")
    config = Mock()
    runpy.run_path(str(file), {"get_config": lambda: config})
    assert config.JupyterHub.authenticator_class == "shared-password"  # "dummy" takes any for ""
    assert config.SharedPasswordAuthenticator.user_password == "a long password"
    assert len(config.Authenticator.allowed_users) == 30
