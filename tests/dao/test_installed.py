"""The packages: what is in them, and that they work where nothing else of a checkout is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import NamedTuple

import pytest
from cli.support import environment
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PACKAGED = ("README.md", "LICENSE", "pyproject.toml", "dao", "sql", "migrations")
# Others to install into, as MENTORBASE_TEST_PYTHONS=/usr/bin/python3.13:...; what they need is downloaded.
OTHERS = [Path(python) for python in os.environ.get("MENTORBASE_TEST_PYTHONS", "").split(":") if python]


def run(*command: str | Path, cwd: Path, **extra: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=environment(**extra), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# What is built


GONE = "migrations/auth/auth.9999.gone.sql"


class Built(NamedTuple):
    wheel: Path
    sdist: Path
    wheel_of_sdist: Path


def copied(folder: Path) -> Path:
    """Copy the checkout, so that nothing is built in ours."""
    folder.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in PACKAGED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def build(checkout: Path, *what: str, to: Path) -> None:
    # What it needs is here already; without isolation nothing is downloaded.
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", to, *what, checkout, cwd=checkout.parent)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What is built where an earlier build has left its folder, with a migration that was deleted since."""
    folder = tmp_path_factory.mktemp("built")
    checkout = copied(folder / "checkout")
    gone = checkout / GONE
    gone.write_text("SELECT 1;\n")
    build(checkout, "--wheel", to=folder / "before")
    gone.unlink()
    assert (checkout / "build" / "lib" / "mentorbase" / GONE).exists(), "a stale file that could be shipped"
    build(checkout, "--sdist", "--wheel", to=folder / "after")
    (wheel,), (sdist,) = (folder / "after").glob("*.whl"), (folder / "after").glob("*.tar.gz")
    run("tar", "xzf", sdist, cwd=folder)
    build(folder / sdist.name.removesuffix(".tar.gz"), "--wheel", to=folder / "from_sdist")
    (again,) = (folder / "from_sdist").iterdir()
    return Built(wheel, sdist, again)


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_the_wheel_holds_the_package_its_sql_and_nothing_else(built: Built) -> None:
    expected = {
        (Path("mentorbase", "" if folder == "dao" else folder) / path.relative_to(ROOT / folder)).as_posix()
        for folder, endings in (
            ("dao", {".py", ".typed", ".yml", ".html", ".css", ".js"}),
            ("sql", {".sql", ".py"}),
            ("migrations", {".sql", ".txt", ".py"}),
        )
        for path in (ROOT / folder).rglob("*")
        if path.suffix in endings
    }
    assert {name for name in contents(built.wheel) if ".dist-info/" not in name} == expected | {"mentorbase/py.typed"}


def test_the_sdist_makes_the_same_wheel(built: Built) -> None:
    assert contents(built.wheel) == contents(built.wheel_of_sdist)
    with tarfile.open(built.sdist) as file:
        assert {name.split("/")[0] for name in file.getnames()} == {"mentorbase-0.1.0"}
        assert f"mentorbase-0.1.0/{GONE}" not in file.getnames()


# What is installed


def needed(name: str, *extras: str) -> Iterator[Distribution]:
    """The distributions that one declares, and what those declare."""
    seen: set[tuple[str, frozenset[str]]] = set()
    left = [(name, frozenset(extras))]
    while left:
        found, wanted = left.pop()
        if (found, wanted) in seen:
            continue
        seen.add((found, wanted))
        dist = distribution(found)
        if found != name:
            yield dist
        for line in dist.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in wanted or {""}
            ):
                left.append((requirement.name, frozenset(requirement.extras)))


@pytest.fixture(scope="module", params=[None, *OTHERS], ids=str)
def installed(request: pytest.FixtureRequest, built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that was empty, with the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    python = folder / "venv" / "bin" / "python"
    run(request.param or sys.executable, "-m", "venv", "--without-pip", "venv", cwd=folder)
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", built.wheel, cwd=folder)
    (site,) = (folder / "venv" / "lib").glob("python3.*/site-packages")
    assert {path.name for path in site.iterdir()} == {"mentorbase", "mentorbase-0.1.0.dist-info"}
    if request.param:
        run(*pip, "install", "--quiet", f"{built.wheel}[demo,docs]", cwd=folder)
    else:
        link_what_is_needed(site)
    assert "No broken requirements found." in run(*pip, "check", cwd=folder)
    return python.parent


def link_what_is_needed(site: Path) -> None:
    """Lend the distributions that ours declares, and no other: nothing is downloaded again."""
    for dist in needed("mentorbase", "demo", "docs"):
        for top in {file.parts[0] for file in dist.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(dist.locate_file(top))))


def test_an_installed_wheel_runs_demo_migrates_and_writes_the_schema_book(
    installed: Path, empty_dsn: str, tmp_path: Path
) -> None:
    where = run(installed / "python", "-c", "import mentorbase; print(mentorbase.__file__)", cwd=tmp_path)
    assert where.startswith(str(installed.parent))
    assert "Boris passed with a 5" in run(installed / "mentorbase", "demo", "--scale", "tiny", cwd=tmp_path)
    to = ("auth", "--dsn", empty_dsn)
    assert "auth.0001.init" in run(installed / "mentorbase", "migrate", *to, cwd=tmp_path)
    run(installed / "mentorbase", "status", *to, cwd=tmp_path)  # 3 if something were pending
    run(installed / "mentorbase", "docs", "--dsn", empty_dsn, "--output", "book", cwd=tmp_path)
    assert "auth.users" in (tmp_path / "book" / "auth.html").read_text("utf-8")
    assert (tmp_path / "book" / "book.css").exists()


def test_every_module_is_imported_without_a_warning(installed: Path, tmp_path: Path) -> None:
    modules = sorted(path.stem for path in (ROOT / "dao").glob("[!_]*.py"))
    modules.remove("metrics")  # of the extra that is not installed
    modules += sorted(f"cli.{path.stem}" for path in (ROOT / "dao" / "cli").glob("[!_]*.py"))
    modules += sorted(f"docs.{path.stem}" for path in (ROOT / "dao" / "docs").glob("[!_]*.py"))
    names = ", ".join(f"mentorbase.{name}" for name in modules)
    run(installed / "python", "-W", "error", "-c", f"import {names}", cwd=tmp_path)
