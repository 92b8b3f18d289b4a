-- The refusals of mentoring.0003.blocks.
-- depends: platform.0002.subject_inactive

SET LOCAL ROLE mentorbase_owner;

INSERT INTO platform.refusals (sqlstate, name, meaning) VALUES
('MB105', 'blocked', 'One of the two people has blocked the other.'),
('MB106', 'too_many_requests', 'The mentee has as many requests open as they may.');
