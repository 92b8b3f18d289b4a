"""The package as an application meets it: its name, what it offers, what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mentorbase

ROOT = Path(__file__).parents[2]


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def test_importing_the_folder_by_its_own_name_says_what_to_import() -> None:
    done = python("import dao", ROOT)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ImportError: import mentorbase, not dao")


def test_every_public_name_exists_and_stands_in_order() -> None:
    names = mentorbase.__all__
    assert [name for name in names if not hasattr(mentorbase, name)] == []
    assert names == sorted(set(names), key=lambda name: (not name.isupper(), name))


def test_every_exception_is_public() -> None:
    kinds = {
        name
        for name, found in vars(mentorbase.errors).items()
        if isinstance(found, type) and issubclass(found, mentorbase.MentorbaseError)
    }
    assert kinds <= set(mentorbase.__all__)


def test_an_application_does_not_import_what_only_the_command_line_needs(tmp_path: Path) -> None:
    done = python(
        "import sys, mentorbase; print(*sorted({'click', 'rich', 'typer', 'mentorbase.cli'} & set(sys.modules)))",
        tmp_path,
    )
    assert (done.stdout, done.stderr) == ("\n", "")


def test_the_package_says_it_is_typed() -> None:
    assert Path(mentorbase.__file__).with_name("py.typed").exists()
