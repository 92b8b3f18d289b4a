"""The diagrams in the READMEs are those of the database."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from mentorbase.docs import mermaid
from mentorbase.docs.model import Service
from mentorbase.docs.reading import read

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mentoring(documented: str) -> Service:
    with psycopg.connect(documented, autocommit=True) as conn:
        return next(service for service in read(conn).services if service.name == "mentoring")


@pytest.mark.parametrize("readme", ["README.md", "README.ru.md"])
def test_the_readme_shows_the_life_cycle_of_relationships_and_the_tables_of_mentoring_as_they_are(
    mentoring: Service, readme: str
) -> None:
    shown = re.findall(r"^```mermaid\n(.*?)^```$", (ROOT / readme).read_text("utf-8"), re.M | re.S)
    (cycle,) = [machine for machine in mentoring.machines if machine.bare == "mentor_mentee_transitions"]
    assert shown == [mermaid.life_cycle(cycle), mermaid.entities(mentoring)]
