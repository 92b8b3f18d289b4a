-- The documents give the teachers service a table of groups; the groups service owns it. With the owner's rights, since
-- the teachers' application has none in that service.
CREATE VIEW teachers.groups AS
SELECT
    g.id,
    g.teacher_telegram_id,
    g.name,
    g.language,
    g.level,
    g.capacity,
    g.status,
    g.created_at,
    g.updated_at
FROM groups.groups AS g;

COMMENT ON VIEW teachers.groups IS
'The groups that teachers have made, read from the groups service, which owns them. Exists where the two share a database.';
COMMENT ON COLUMN teachers.groups.id IS 'The group.';
COMMENT ON COLUMN teachers.groups.teacher_telegram_id IS 'Who teaches it (teachers.telegram_id).';
COMMENT ON COLUMN teachers.groups.name IS 'What it is called.';
COMMENT ON COLUMN teachers.groups.language IS 'The language that it learns, a BCP 47 tag.';
COMMENT ON COLUMN teachers.groups.level IS 'The level that it is for, a1 to c2; NULL: any.';
COMMENT ON COLUMN teachers.groups.capacity IS 'How many seats it has.';
COMMENT ON COLUMN teachers.groups.status IS 'Where it stands: open and closed groups run, completed and cancelled ones have ended.';
COMMENT ON COLUMN teachers.groups.created_at IS 'When the group was made.';
COMMENT ON COLUMN teachers.groups.updated_at IS 'When a person last changed it.';
