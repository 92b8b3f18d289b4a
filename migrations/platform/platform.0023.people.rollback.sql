SET LOCAL ROLE mentorbase_owner;

DROP FUNCTION platform.erase_person(platform.person);
DROP FUNCTION platform.scrub_person(name, platform.person);
DROP FUNCTION platform.export_person(platform.person);
DROP FUNCTION platform.find_person(platform.person);
DROP FUNCTION platform.renamed_key(jsonb, bigint, bigint);
DROP TABLE platform.erasures;
DROP TABLE platform.column_inventory;
DROP TYPE platform.person;
DROP TYPE platform.erasure;
DROP TYPE platform.column_class;
