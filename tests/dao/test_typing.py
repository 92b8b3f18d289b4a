"""mypy and pyright see what a query takes and gives, in the package and in an application's code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = Path(__file__).with_name("typing_sample.py")
EXAMPLE = ROOT / "tests" / "examples" / "mentoring_api.py"
_MARK = re.compile(r"# E: ([a-z-]+) (report\w+)")

Errors = dict[int, set[str]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package has its own name, with modules of applications beside it."""
    folder = tmp_path_factory.mktemp("typing")
    (folder / "mentorbase").symlink_to(ROOT / "dao")
    shutil.copy(SAMPLE, folder / "application.py")
    shutil.copy(EXAMPLE, folder)
    return folder


def marked(checker: int) -> Errors:
    """What the sample's marks expect of mypy (0) or pyright (1)."""
    lines = SAMPLE.read_text("utf-8").splitlines()
    return {n: {found[checker + 1]} for n, line in enumerate(lines, start=1) if (found := _MARK.search(line))}


def test_mypy_strict_accepts_the_package_and_right_use_and_refuses_wrong_use(project: Path) -> None:
    found = run(
        [
            *(sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--cache-dir", project / "cache"),
            *("--output", "json", "-p", "mentorbase", "-m", "application", "-m", EXAMPLE.stem),
        ],
        project,
    )
    errors = [error for error in map(json.loads, found.splitlines()) if error["severity"] == "error"]
    in_sample = [error for error in errors if Path(error["file"]).name == "application.py"]
    assert [error for error in errors if error not in in_sample] == []
    assert by_line((error["line"], error["code"]) for error in in_sample) == marked(0)


def test_pyright_accepts_the_package_and_right_use_and_refuses_wrong_use(project: Path) -> None:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["basedpyright"]
    config = configured | {"include": ["mentorbase", "application.py", EXAMPLE.name], "extraPaths": ["."]}
    (project / "pyrightconfig.json").write_text(json.dumps(config), "utf-8")
    found = json.loads(
        run(
            [
                *(sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable),
                *("--outputjson", "--project", project),
            ],
            project,
        )
    )
    modules = len(list((ROOT / "dao").rglob("*.py")))
    assert found["summary"]["filesAnalyzed"] == modules + 2
    errors = found["generalDiagnostics"]
    in_sample = [error for error in errors if Path(error["file"]).name == "application.py"]
    assert [error for error in errors if error not in in_sample] == []
    assert by_line((error["range"]["start"]["line"] + 1, error["rule"]) for error in in_sample) == marked(1)


def run(command: list[str | Path], folder: Path) -> str:
    """Return what a checker prints; 0 and 1 say without and with errors, anything else that it broke down."""
    done = subprocess.run(
        command, cwd=folder, env={"MYPYPATH": str(folder)}, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def by_line(errors: Iterator[tuple[int, str]]) -> Errors:
    lines: Errors = {}
    for line, what in errors:
        lines.setdefault(line, set()).add(what)
    return lines
