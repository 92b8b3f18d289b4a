-- The refusals of quests.0001.init.
-- depends: platform.0016.refusals

SET LOCAL ROLE mentorbase_owner;

INSERT INTO platform.refusals (sqlstate, name, meaning) VALUES
('MB601', 'consent_missing', 'The child has not agreed to share this with the parent.'),
('MB602', 'not_approved', 'The quest was not approved by a moderator.'),
('MB603', 'ticket_invalid', 'The ticket for a read cannot be used: unknown, expired, used, or of the same transaction.'),
('MB604', 'isolation_refused', 'The transaction looks at an older state than the present one.');
