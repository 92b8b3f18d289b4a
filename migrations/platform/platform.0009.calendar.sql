-- The refusals of calendar.0001.init.
-- depends: platform.0006.maintenance

SET LOCAL ROLE mentorbase_owner;

INSERT INTO platform.refusals (sqlstate, name, meaning) VALUES
('MB250', 'teacher_busy', 'The teacher teaches or learns at that time already.'),
('MB251', 'students_busy', 'Some of the students learn or teach at that time already.'),
('MB252', 'teacher_away', 'The teacher is away at that time.');
