-- The refusal of mentoring.0002.bookings.
-- depends: platform.0001.init

SET LOCAL ROLE mentorbase_owner;

INSERT INTO platform.refusals (sqlstate, name, meaning) VALUES
('MB107', 'subject_inactive', 'The subject cannot be booked any more.');
