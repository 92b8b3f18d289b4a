SET LOCAL ROLE mentorbase_owner;

DROP FUNCTION mentoring.publish(bigint, mentoring.publication_kind, text, text, bigint);
DROP TABLE mentoring.publications;
DROP FUNCTION mentoring.guard_publications();
DROP TYPE mentoring.publication_kind;
DROP INDEX mentoring.mentor_mentee_subscribers_idx;
