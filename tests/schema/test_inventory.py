"""Every column says what it holds of a person, and what the inventory says of a column can be done."""

from __future__ import annotations

import pytest
from schema.support import found

UNCLASSIFIED = """
SELECT format('%I.%I.%I', r.relnamespace::regnamespace, r.relname, a.attname)
FROM relations AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN platform.column_inventory AS i
    ON i.schema_name = r.relnamespace::regnamespace::text AND i.table_name = r.relname AND i.column_name = a.attname
WHERE r.relkind IN ('r', 'p') AND i.class IS NULL
"""

NOT_A_COLUMN = """
SELECT format('%I.%I.%I', i.schema_name, i.table_name, i.column_name)
FROM platform.column_inventory AS i
LEFT JOIN relations AS r ON i.schema_name = r.relnamespace::regnamespace::text AND i.table_name = r.relname
LEFT JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attname = i.column_name AND NOT a.attisdropped
WHERE a.attname IS NULL OR r.relkind NOT IN ('r', 'p')
"""

# A column that cannot be NULL, or that is computed.
NOT_ERASABLE = """
SELECT format('%I.%I.%I', i.schema_name, i.table_name, i.column_name)
FROM platform.column_inventory AS i
JOIN pg_attribute AS a
    ON a.attrelid = format('%I.%I', i.schema_name, i.table_name)::regclass AND a.attname = i.column_name
WHERE (i.erasure = 'clear' AND a.attnotnull) OR (i.erasure IN ('clear', 'replace') AND a.attgenerated <> '')
"""

# Words, contacts and what names somebody stay only for a reason.
KEPT = """
SELECT format('%I.%I.%I', i.schema_name, i.table_name, i.column_name)
FROM platform.column_inventory AS i
WHERE i.erasure = 'keep' AND (i.class IN ('words', 'contact') OR i.found_by LIKE '%p.telegram_id%')
    AND i.class <> 'personal'
"""

# A row that goes, goes as a whole: whoever it is found by says so of every column.
HALF_DELETED = """
SELECT format('%I.%I.%I', i.schema_name, i.table_name, i.column_name)
FROM platform.column_inventory AS i
WHERE i.erasure <> 'delete' AND i.found_by IS NOT NULL AND EXISTS (
    SELECT FROM platform.column_inventory AS d
    WHERE (d.schema_name, d.table_name) = (i.schema_name, i.table_name) AND d.erasure = 'delete'
)
"""

# An audit log that the inventory does not know would not be scrubbed; nor would one whose schema it does not.
UNSCRUBBED = """
SELECT n.nspname FROM ours AS n
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = 'audit_log'
WHERE NOT EXISTS (
    SELECT FROM platform.column_inventory AS i WHERE i.schema_name = n.nspname AND i.table_name = 'audit_log'
)
"""

RULES = [UNCLASSIFIED, NOT_A_COLUMN, NOT_ERASABLE, KEPT, HALF_DELETED, UNSCRUBBED]


@pytest.mark.parametrize("rule", RULES)
def test_the_inventory_is_whole(catalog, rule):
    assert found(catalog, rule) == []


@pytest.mark.parametrize(
    ("rule", "breach", "named"),
    [
        (UNCLASSIFIED, "ALTER TABLE auth.users ADD COLUMN shoe_size integer", "auth.users.shoe_size"),
        (UNCLASSIFIED, "CREATE TABLE auth.pets (name text)", "auth.pets.name"),
        (NOT_A_COLUMN, "ALTER TABLE mentoring.subjects DROP COLUMN description", "mentoring.subjects.description"),
        (NOT_A_COLUMN, "DROP TABLE tutormax.bulk_rows CASCADE", "tutormax.bulk_rows.document"),
        (NOT_ERASABLE, "ALTER TABLE auth.users ALTER last_name SET NOT NULL", "auth.users.last_name"),
        (KEPT, "UPDATE platform.column_inventory SET erasure = 'keep', replacement = NULL"
         " WHERE table_name = 'subjects' AND column_name = 'title'", "mentoring.subjects.title"),
        (HALF_DELETED, "UPDATE platform.column_inventory SET erasure = 'keep' WHERE column_name = 'sealed'",
         "auth.user_contacts.sealed"),
        (UNSCRUBBED, "DELETE FROM platform.column_inventory WHERE table_name = 'audit_log'", "auth"),
    ],
)  # fmt: skip
def test_what_the_inventory_lacks_is_named(sandbox, rule, breach, named):
    sandbox.execute(breach)
    assert named in found(sandbox, rule)


def test_no_service_classifies_columns_of_another(catalog):
    assert found(
        catalog,
        """
        SELECT DISTINCT i.schema_name FROM platform.column_inventory AS i
        WHERE i.schema_name NOT IN (SELECT n.nspname FROM ours AS n)
        """,
    ) == []  # fmt: skip
