"""What docker-compose.yml builds, checked without a Docker engine."""

import re
import tomllib

from tests.support.compose import ROOT, load, settings_of


def dockerfile() -> list[list[str]]:
    """The Dockerfile's instructions, each split into words."""
    text = (ROOT / "Dockerfile").read_text()
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line.strip()]


def copied() -> set[str]:
    return {name for words in dockerfile() if words[0] == "COPY" for name in words[1:-1]}


def test_image_runs_as_an_ordinary_user() -> None:
    users = [words[1] for words in dockerfile() if words[0] == "USER"]
    assert users == ["tracker"]
    last = max(i for i, words in enumerate(dockerfile()) if words[0] in {"RUN", "COPY"})
    assert dockerfile().index(["USER", "tracker"]) > last


def test_image_owns_the_folder_that_the_volume_covers() -> None:
    home = settings_of(load(), "worker").home
    owned = next(words for words in dockerfile() if "useradd" in words)
    assert owned[-1] == str(home)
    assert "--owner=tracker" in owned


def test_image_installs_the_tested_versions() -> None:
    installs = [words for words in dockerfile() if words[0] == "RUN" and "install" in words]
    pip = [words for words in installs if "pip" in words]
    assert len(pip) == 2
    for words in pip:
        assert words[words.index("--constraint") + 1] == "constraints.txt"


def test_image_copies_what_the_build_reads_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert copied() == {
        "pyproject.toml",
        "constraints.txt",
        project["project"]["readme"],
        *project["project"]["license-files"],
        *(pattern.removesuffix("*") for pattern in packages),
    }
    assert all((ROOT / name).exists() for name in copied())


def test_build_context_is_what_is_copied() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied()
