SET LOCAL ROLE mentorbase_owner;

DROP VIEW quests.v_creative_projects;
REVOKE USAGE ON TYPE quests.project_type, quests.project_status FROM mentorbase_reader;
