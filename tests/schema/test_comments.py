"""Whoever opens DBeaver has nothing but the comments."""

from __future__ import annotations

import re

import pytest
from mentorbase.catalog import describe
from schema.support import found

COMMENTED = (
    "schema", "table", "column", "view", "materialized view",
    "function", "procedure", "aggregate", "type", "constraint",
)  # fmt: skip

# An invariant that is an index and no constraint.
UNIQUE_INDEXES = """
SELECT format('index %I.%I', n.nspname, i.relname)
FROM pg_index AS x
JOIN relations AS r ON r.oid = x.indrelid
JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN ours AS n ON n.oid = i.relnamespace
WHERE x.indisunique
    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = x.indexrelid AND k.conrelid = r.oid)
"""


def commented(conn, described):
    """All that must have a comment, with the comment or ''."""
    keys = [key for key in described if key.startswith(tuple(f"{kind} " for kind in COMMENTED))]
    return {key: described.get(f"comment on {key}", "").strip() for key in keys + found(conn, UNIQUE_INDEXES)}


def words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text.lower()) if word not in ("", "a", "an", "the", "of")]


def without_comment(comments):
    return [key for key, comment in comments.items() if not comment]


def repeating_the_name(comments):
    names = {key: re.sub(r"\(.*", "", key).rpartition(".")[2].rpartition(" ")[2] for key in comments}
    return [key for key, comment in comments.items() if comment and words(comment) == words(names[key])]


def test_everything_has_a_comment(catalog, described):
    assert without_comment(commented(catalog, described)) == []


def test_no_comment_merely_repeats_the_name(catalog, described):
    assert repeating_the_name(commented(catalog, described)) == []


def test_every_comment_is_a_sentence(catalog, described):
    comments = commented(catalog, described)
    assert {key: text for key, text in comments.items() if not re.fullmatch(r"[A-Z0-9a-z].*[.]", text, re.DOTALL)} == {}


@pytest.mark.parametrize(
    ("key", "gap"),
    [
        ("schema other", "CREATE SCHEMA other"),
        ("schema auth", "COMMENT ON SCHEMA auth IS '  '"),
        ("table auth.more", "CREATE TABLE auth.more (id bigint)"),
        ("column auth.more.id", "CREATE TABLE auth.more (id bigint)"),
        ("constraint auth.users.users_pkey", "COMMENT ON CONSTRAINT users_pkey ON auth.users IS NULL"),
        ("constraint auth.short.short_check", "CREATE DOMAIN auth.short AS text CONSTRAINT short_check CHECK (true)"),
        ("index auth.users_name_key", "CREATE UNIQUE INDEX users_name_key ON auth.users (lower(username))"),
        ("view auth.v_more", "CREATE VIEW auth.v_more AS SELECT id FROM auth.users"),
        ("column auth.v_more.id", "CREATE VIEW auth.v_more AS SELECT id FROM auth.users"),
        ("function auth.f(text)", "CREATE FUNCTION auth.f(text) RETURNS int LANGUAGE sql RETURN 1"),
        ("procedure auth.p()", "CREATE PROCEDURE auth.p() LANGUAGE sql AS ''"),
        ("type auth.colour", "CREATE TYPE auth.colour AS ENUM ('red')"),
        ("type auth.pair", "CREATE TYPE auth.pair AS (one int)"),
        ("column auth.pair.one", "CREATE TYPE auth.pair AS (one int)"),
        ("type auth.short", "CREATE DOMAIN auth.short AS text"),
    ],
)
def test_a_missing_comment_is_found(sandbox, key, gap):
    sandbox.execute(gap)
    assert key in without_comment(commented(sandbox, describe(sandbox)))


@pytest.mark.parametrize(
    ("key", "empty_words"),
    [
        ("column auth.users.first_name", "COMMENT ON COLUMN auth.users.first_name IS 'The first name.'"),
        ("table auth.users", "COMMENT ON TABLE auth.users IS 'Users'"),
        ("function mentoring.setting(text)", "COMMENT ON FUNCTION mentoring.setting(text) IS 'Setting.'"),
        ("schema auth", "COMMENT ON SCHEMA auth IS 'auth'"),
    ],
)
def test_a_comment_that_says_nothing_is_found(sandbox, key, empty_words):
    sandbox.execute(empty_words)
    assert repeating_the_name(commented(sandbox, describe(sandbox))) == [key]
