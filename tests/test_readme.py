"""What the two READMEs show works, and they show the same."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path

import mentorbase
import pytest
from mentorbase.query import Query

ROOT = Path(__file__).parent.parent
README, RUSSIAN = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.ru.md"))
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)


def commands(readme: str) -> list[str]:
    """Its blocks of code without the comments, which each language has of its own."""
    blocks = re.findall(r"^```\w+\n(.*?)^```$", readme, re.M | re.S)
    return [re.sub(r"[ ]*#.*", "", block) for block in blocks]


def test_the_two_commands_come_first() -> None:
    assert commands(README)[0].splitlines() == [
        "python3 -m venv .venv && .venv/bin/pip install -e '.[demo]' && .venv/bin/mentorbase demo",
        ".venv/bin/pip install -e '.[test]' && .venv/bin/pytest",
    ]


def test_both_languages_show_the_same_code_and_the_same_sections() -> None:
    assert commands(README) == commands(RUSSIAN)
    assert re.findall(r"^#+", README, re.M) == re.findall(r"^#+", RUSSIAN, re.M)
    assert re.findall(r"^\|.*?\|", README, re.M)[1:] != []
    assert README.count("\n|") == RUSSIAN.count("\n|")
    assert set(re.findall(r"`[^`\n]+`", README)) - set(re.findall(r"`[^`\n]+`", RUSSIAN)) == set()


@pytest.mark.parametrize("readme", [README, RUSSIAN], ids=["README.md", "README.ru.md"])
def test_every_link_leads_somewhere(readme: str) -> None:
    headings = re.findall(r"^#+ (.*)$", readme, re.M)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(([^)\s]+)\)", readme)
    assert len(links) > 15
    broken = [link for link in links if not (link[1:] in anchors if link[0] == "#" else (ROOT / link).exists())]
    assert broken == []


def test_the_examples_run(dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MENTORBASE_DSN", dsn)
    monkeypatch.setenv("MENTORBASE_KEYS", f"1:{b64encode(bytes(32)).decode()}")
    monkeypatch.setenv("MENTORBASE_INDEX_KEY", b64encode(bytes([1]) * 32).decode())
    assert len(PYTHON) == 7
    for example in PYTHON:
        exec(compile(example, "README.md", "exec"), {"__name__": "example"})
    shown = capsys.readouterr().out
    assert "only by: counterparty, admin" in shown
    assert "2 active" in shown
    assert "to 1001 Your mentor has published something new: Fractions" in shown
    assert "pending active Welcome" in shown
    assert "[1]" in shown
    assert "False True" in shown
    assert "[1, 0]" in shown
    assert "['Anna@example.org']\nUser(id=1, telegram_id=1001" in shown
    assert "1 InvalidRating overall_rating is 1 to 5" in shown
    assert "5 High" in shown
    assert "total_sessions=5, average_rating=5.0, no_shows=0, reschedules=0" in shown
    assert "['Jane Doe']" in shown


def test_every_exception_of_the_package_is_listed() -> None:
    refusals = {
        name
        for name in mentorbase.__all__
        if isinstance(kind := getattr(mentorbase, name), type) and issubclass(kind, mentorbase.MentorbaseError)
    }
    bases = {"MentorbaseError", "ConstraintViolation"}
    assert {name for name in refusals - bases if not re.search(rf"`(mentorbase\.)?{name}`", README)} == set()


def test_every_method_is_listed() -> None:
    methods = {
        name
        for service in (
            mentorbase.Auth,
            mentorbase.Teachers,
            mentorbase.Students,
            mentorbase.Groups,
            mentorbase.Calendar,
            mentorbase.Mentoring,
            mentorbase.Notifications,
            mentorbase.Getcourse,
            mentorbase.Links,
            mentorbase.Quests,
            mentorbase.Tutormax,
        )
        for name, found in vars(service).items()
        if isinstance(found, Query)
    }
    assert {name for name in methods if f"`{name}`" not in README} == set()
