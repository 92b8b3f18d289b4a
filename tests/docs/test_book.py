"""The schema book holds all that the catalog has, and what it says is so."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import psycopg
from docs.reading import Element, read
from mentorbase import named_sql, resources
from mentorbase.docs import Written
from mentorbase.errors import REFUSALS
from mentorbase.migrate import services

ROUTINES = ("function", "procedure", "aggregate")
TRANSITIONS = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname LIKE '%\\_transitions' AND c.relkind = 'r'
ORDER BY 1
"""
FOREIGN_KEYS = """
SELECT count(*)
FROM pg_constraint AS k JOIN pg_namespace AS n ON n.oid = k.connamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND n.nspname = %s
"""


def ids(page: Element) -> list[str]:
    return [element.attributes["id"] for element in page.all() if "id" in element.attributes]


def place(key: str) -> tuple[str, str] | None:
    """The page and the id of what `describe` calls so; None for what has no place of its own."""
    kind, _, name = key.partition(" ")
    schema, _, rest = name.removeprefix("view ").partition(".")
    if kind in ("table", "column", "constraint", "index", "trigger", "policy", "type", "view"):
        return f"{schema}.html", f"{kind}-{rest}"
    if kind in ROUTINES:
        return f"{schema}.html", f"function-{rest.partition('(')[0]}"
    return (f"{schema or kind}.html", "main") if kind == "schema" else None


def test_every_object_of_the_catalog_has_its_place(objects: dict[str, str], pages: dict[str, Element]) -> None:
    found = {name: set(ids(page)) for name, page in pages.items()}
    of_constraints = {
        f"{key.split('.')[0].removeprefix('constraint ')}.{key.split('.')[-1]}"
        for key in objects
        if key.startswith("constraint ")
    }
    missing = []
    for key in objects:
        if key.startswith("index "):
            schema, _, name = key.removeprefix("index ").partition(".")
            if f"{schema}.{name}" not in of_constraints:
                missing += [key] * (
                    not any(re.fullmatch(rf"index-\w+\.{name}", one) for one in found[f"{schema}.html"])
                )
        elif where := place(key):
            missing += [key] * (where[1] not in found[where[0]])
    assert missing == []


def test_functions_of_one_name_have_a_place_each(objects: dict[str, str], pages: dict[str, Element]) -> None:
    expected = Counter(key.split()[1].partition(".")[0] for key in objects if key.split()[0] in ROUTINES)
    shown = {
        name.removesuffix(".html"): len([one for one in ids(page) if one.startswith("function-")])
        for name, page in pages.items()
    }
    assert {service: shown[service] for service in expected} == expected


def test_every_named_query_is_there_with_its_budget_and_its_plan(pages: dict[str, Element]) -> None:
    for service in services():
        if not (resources.folder("sql") / service / "queries.sql").exists():
            continue
        page = pages[f"{service}.html"]
        shown = {s.inside[0].attributes["id"]: s for s in page.all("section") if s.inside[0].tag == "h3"}
        for name in named_sql.load(service):
            section = shown[f"query-{name}"]
            assert re.match(r"budget \d+ pages$", section.one("p", class_="facts").text), name
            assert re.search(r"Scan|Result|Insert|Update|Delete|Limit", section.one("pre", class_="plan").text), name
            assert f"db.{service}.{name}(" in section.one("pre", class_="signature").text


def test_plans_are_generic_ones(pages: dict[str, Element]) -> None:
    plans = " ".join(plan.text for plan in pages["mentoring.html"].all("pre", class_="plan"))
    assert "Index Cond: ((mentor_id = $1) AND (id < $2))" in plans


def test_every_enum_shows_its_labels_in_order(objects: dict[str, str], pages: dict[str, Element]) -> None:
    for key, definition in objects.items():
        if key.startswith("type ") and definition.startswith("enum "):
            schema, _, name = key.removeprefix("type ").partition(".")
            section = next(
                one
                for one in pages[f"{schema}.html"].all("section")
                if one.inside[0].attributes["id"] == f"type-{name}"
            )
            labels = [item.text for item in section.one("ol", class_="labels").all("li")]
            assert labels == re.findall(r"'([^']*)'", definition.partition(")")[0])


def test_no_object_lacks_a_description(written: Written, pages: dict[str, Element]) -> None:
    assert written.undocumented == []
    assert "each of them has a description" in pages["index.html"].text
    assert {name for name, page in pages.items() if page.all("strong", class_="missing")} == set()


def test_what_lacks_a_description_is_named(strange: Written) -> None:
    expected = [
        "table auth.loose",
        "column auth.loose.id",
        "constraint auth.loose.loose_check",
        "index auth.loose.loose_idx",
        "column auth.users.first_name",
        "function auth.f(text)",
        "type auth.colour",
    ]
    assert [name for name in strange.undocumented if "column_inventory" not in name] == expected
    overview = read(strange.index).one("main")
    assert f"{len(strange.undocumented)} of {strange.objects} objects have no description" in overview.text
    listed = [item.text for item in overview.all("li") if [child.tag for child in item.inside] == ["code"]]
    assert listed == strange.undocumented
    assert len(read(strange.index.with_name("auth.html")).all("strong", class_="missing")) == len(expected)


def test_a_comment_is_text_and_nothing_else(strange: Written) -> None:
    page = read(strange.index.with_name("auth.html"))
    assert '<script>alert(1)</script> & "more".' in page.text
    assert [e for e in page.all("script") if "src" not in e.attributes] == []


def test_a_classified_column_shows_its_class(strange: Written) -> None:
    row = read(strange.index.with_name("auth.html")).one("tr", id="column-users.username")
    assert row.one("span", class_="class").text in ("identifier", "contact", "personal")


def test_every_link_leads_somewhere(folder: Path, pages: dict[str, Element]) -> None:
    found = {name: {*ids(page), ""} for name, page in pages.items()}
    broken, seen = [], 0
    for name, page in pages.items():
        for link in page.all("a"):
            address, _, fragment = link.attributes["href"].partition("#")
            seen += 1
            if fragment not in found.get(address or name, set()):
                broken.append(f"{name}: {link.attributes['href']}")
    for address, fragment in re.findall(r'"([a-z]+\.html)(?:#([^"]*))?"', (folder / "objects.js").read_text("utf-8")):
        seen += 1
        if fragment not in found.get(address, set()):
            broken.append(f"objects.js: {address}#{fragment}")
    assert broken == []
    assert seen > 5000


def test_no_id_stands_twice_on_a_page(pages: dict[str, Element]) -> None:
    assert {name: [one for one, count in Counter(ids(page)).items() if count > 1] for name, page in pages.items()} == {
        name: [] for name in pages
    }


def test_nothing_comes_from_elsewhere(folder: Path, pages: dict[str, Element]) -> None:
    for name, page in pages.items():
        sources = [e.attributes.get("src") or e.attributes["href"] for e in page.all("script") + page.all("link")]
        assert {source for source in sources if not (folder / source).is_file()} == {"data:,"}, name
    assert "url(" not in (folder / "book.css").read_text("utf-8")
    assert "://" not in "".join((folder / name).read_text("utf-8") for name in ("book.css", "book.js"))


def test_state_machines_are_the_transition_tables(documented: str, pages: dict[str, Element]) -> None:
    with psycopg.connect(documented) as conn:
        tables = [name for (name,) in conn.execute(TRANSITIONS)]
        assert len(tables) >= 12
        for table in tables:
            schema, _, bare = table.partition(".")
            rows = conn.execute(f"SELECT to_jsonb(t) FROM {table} AS t").fetchall()
            expected = {
                (row["from_status"] or "(begin)", row["to_status"] or "(end)", row.get("actor_kind") or row["meaning"])
                for (row,) in rows
            }
            lines = pages[f"{schema}.html"].one("svg", id=f"cycle-{bare}").all("g", class_="step")
            step = [(line.attributes["data-from"], line.attributes["data-to"]) for line in lines]
            assert len(step) == len(set(step))
            drawn = {
                (start, end, one)
                for line, (start, end) in zip(lines, step, strict=True)
                for one in (
                    line.attributes["data-who"].split(", ")
                    if "actor_kind" in rows[0][0]
                    else [line.attributes["data-who"]]
                )
            }
            assert drawn == expected, table
            texts = {line.attributes["data-who"]: " ".join(t.text for t in line.all("text")) for line in lines}
            assert all(who == text for who, text in texts.items()), table


def test_every_foreign_key_is_a_line_of_its_services_diagram(documented: str, pages: dict[str, Element]) -> None:
    with psycopg.connect(documented) as conn:
        for service in services():
            drawn = pages[f"{service}.html"].all("svg", id=f"er-{service}")
            (count,) = conn.execute(FOREIGN_KEYS, [service]).fetchone() or (0,)
            if service != "links":
                assert len(drawn[0].all("g", class_="reference")) == count, service
            else:
                assert len(drawn[0].all("g", class_="reference")) >= 20


def test_a_foreign_key_a_type_and_a_query_lead_to_what_they_name(pages: dict[str, Element]) -> None:
    page = pages["mentoring.html"]

    def addresses(of: str) -> list[str]:
        return [link.attributes["href"] for link in page.one(id=of).all("a")]

    assert "auth.html#table-users" in addresses("constraint-mentor_mentee.mentor_mentee_mentor_id_fkey")
    assert "mentoring.html#type-mentor_mentee_status" in addresses("column-mentor_mentee.status")
    query = next(s for s in page.all("section") if s.inside[0].attributes["id"] == "query-mentees")
    assert "mentoring.html#table-mentor_mentee" in [link.attributes["href"] for link in query.all("a")]


def test_the_role_matrix_is_what_was_granted(objects: dict[str, str], pages: dict[str, Element]) -> None:
    expected = set()
    for key, privileges in objects.items():
        if found := re.match(r"grant (table|view|column) (\w+)\.(\w+)(?:\.(\w+))? to (\w+)$", key):
            kind, schema, table, column, role = found.groups()
            if role != "mentorbase_owner" and (kind == "column") == (column is not None):
                expected |= {(schema, table, role, one, column or "") for one in privileges.split(", ")}
    shown = set()
    for service in services():
        for matrix in pages["roles.html"].all("div"):
            if matrix.attributes.get("aria-label") == f"Rights on tables and views of {service}":
                head, body = matrix.one("thead"), matrix.one("tbody")
                roles = [cell.text for cell in head.all("th")][1:]
                for row in body.all("tr"):
                    for role, cell in zip(roles, row.all("td"), strict=True):
                        table = row.one("th").text
                        shown |= {(service, table, role, given.text, "") for given in cell.all("div")}
                        for some in cell.all("details"):
                            privilege = some.one("summary").text.split()[0]
                            columns = some.text.removeprefix(some.one("summary").text).split(",")
                            shown |= {(service, table, role, privilege, one.strip()) for one in columns}
    assert shown == expected
    assert len(shown) > 200


def test_the_error_list_is_the_database_s_and_the_package_s(documented: str, pages: dict[str, Element]) -> None:
    rows = [[cell.text for cell in row.inside] for row in pages["errors.html"].all("table")[0].one("tbody").all("tr")]
    with psycopg.connect(documented) as conn:
        refusals = conn.execute("SELECT sqlstate, meaning FROM platform.refusals ORDER BY 1").fetchall()
    assert [(state, meaning) for state, _, meaning in rows] == refusals
    assert {state: name for state, name, _ in rows} == {state: kind.__name__ for state, kind in REFUSALS.items()}
