"""platform.refusals is the one list of business refusals."""

from __future__ import annotations

import re

import pytest
from schema.support import SQL, files, found, without_comments

RAISED = re.compile(r"\bERRCODE\s*=\s*'(MB\w*)'")
NAMED = re.compile(r"\bMB[0-9]\w*")

FOLDERS = sorted(folder.name for folder in SQL.iterdir() if folder.is_dir())
SOURCES = {str(path.relative_to(SQL)): path.read_text() for path in files(FOLDERS)}

LISTED = "SELECT sqlstate FROM platform.refusals"

# In the bodies that the database really has.
RAISED_BY_ROUTINES = r"""
SELECT DISTINCT u.codes[1]
FROM routines AS p
CROSS JOIN LATERAL regexp_matches(p.prosrc, 'ERRCODE\s*=\s*''(MB\w*)''', 'g') AS u (codes)
"""


@pytest.mark.parametrize("source", SOURCES)
def test_every_refusal_named_in_the_source_is_listed(catalog, source):
    assert set(NAMED.findall(SOURCES[source])) <= set(found(catalog, LISTED))


def test_every_refusal_raised_is_listed_and_every_listed_one_is_raised(catalog):
    raised = {code for text in SOURCES.values() for code in RAISED.findall(without_comments(text))}
    assert sorted(raised) == found(catalog, LISTED)
    assert found(catalog, RAISED_BY_ROUTINES) == found(catalog, LISTED)


def test_a_refusal_that_is_not_listed_or_not_raised_is_found(sandbox):
    sandbox.execute(
        """
        CREATE FUNCTION auth.f() RETURNS void LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'MB999'; END $$;
        INSERT INTO platform.refusals (sqlstate, name, meaning) VALUES ('MB888', 'never', 'Never raised.')
        """
    )
    raised, listed = set(found(sandbox, RAISED_BY_ROUTINES)), set(found(sandbox, LISTED))
    assert (raised - listed, listed - raised) == ({"MB999"}, {"MB888"})


def test_every_refusal_has_a_hint():
    """A person who is refused is told the way out."""
    refusals = [
        statement
        for text in SOURCES.values()
        for statement in re.findall(r"\bRAISE EXCEPTION\b.*?;\s*\n", without_comments(text), re.DOTALL)
    ]
    assert refusals
    assert [statement for statement in refusals if not re.search(r"\bHINT\s*=", statement)] == []
