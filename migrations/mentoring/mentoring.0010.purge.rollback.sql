SET LOCAL ROLE mentorbase_owner;

DROP FUNCTION mentoring.purge(boolean, bigint);
DROP INDEX mentoring.mentor_mentee_unaccepted_idx;

COMMENT ON COLUMN mentoring.v_mentor_mentee_history.actor_id IS
'Who took it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.mentor_id IS 'Its mentor (auth.users.id).';
COMMENT ON COLUMN mentoring.v_mentor_mentee_history.mentee_id IS 'Its mentee (auth.users.id).';
COMMENT ON COLUMN mentoring.mentor_mentee_history.actor_id IS
'Who took it (auth.users.id); NULL for the system and for a database role that edited by hand.';
COMMENT ON COLUMN mentoring.mentor_mentee_history.mentee_id IS 'Its mentee (auth.users.id).';
COMMENT ON COLUMN mentoring.mentor_mentee_history.mentor_id IS 'Its mentor (auth.users.id).';
COMMENT ON TABLE mentoring.mentor_mentee_history IS
'Every step of every relationship: who, when, from, to, why. Append-only, written by a trigger, kept when the relationship itself is deleted.';

-- Who was taken out of a step does not come back: 0 stands for nobody.
ALTER TABLE mentoring.mentor_mentee_history DISABLE TRIGGER mentor_mentee_history_refuse_change;
UPDATE mentoring.mentor_mentee_history SET mentor_id = 0, mentee_id = 0
WHERE mentor_id IS NULL;
ALTER TABLE mentoring.mentor_mentee_history ENABLE TRIGGER mentor_mentee_history_refuse_change;
ALTER TABLE mentoring.mentor_mentee_history
ALTER COLUMN mentor_id SET NOT NULL,
ALTER COLUMN mentee_id SET NOT NULL;

DELETE FROM mentoring.settings
WHERE name = 'request_retention';
