-- Views for people: what the documents ask of this service, with names beside ids; none reads a whole table to show a page.
-- depends: quests.0001.init

SET LOCAL ROLE mentorbase_owner;

CREATE VIEW quests.v_creative_projects AS
SELECT
    p.id AS project_id,
    p.project_type,
    p.quest_id,
    p.status,
    p.completed_at,
    p.created_at,
    p.updated_at
FROM quests.creative_projects AS p;

COMMENT ON VIEW quests.v_creative_projects IS
'What parents make and whether they finished it, for analysts: without what it says, and of letters and goals without whose they are. Nothing in it is of what a child did.';
COMMENT ON COLUMN quests.v_creative_projects.project_id IS 'The project (creative_projects.id).';
COMMENT ON COLUMN quests.v_creative_projects.project_type IS 'What it is about: quest, letter or goal.';
COMMENT ON COLUMN quests.v_creative_projects.quest_id IS
'The quest that it is (v_quests.quest_id); NULL: none yet, or another kind.';
COMMENT ON COLUMN quests.v_creative_projects.status IS 'Where it stands: in_progress, completed or abandoned.';
COMMENT ON COLUMN quests.v_creative_projects.completed_at IS 'When it was completed; NULL before.';
COMMENT ON COLUMN quests.v_creative_projects.created_at IS 'When it was begun.';
COMMENT ON COLUMN quests.v_creative_projects.updated_at IS 'When the parent last changed it.';

GRANT USAGE ON TYPE quests.project_type, quests.project_status TO mentorbase_reader;
GRANT SELECT ON quests.v_creative_projects TO mentorbase_reader;
