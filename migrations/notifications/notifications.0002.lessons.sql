-- What students are told of a new lesson; a text that is there already stays.
-- depends: notifications.0001.init

SET LOCAL ROLE mentorbase_owner;

INSERT INTO notifications.notification_templates (code, language_code, channel, body) VALUES
('lesson_planned', 'en', 'telegram', 'New lesson: {title}, {starts_at} ({timezone})'),
('lesson_planned', 'ru', 'telegram', 'Новое занятие: {title}, {starts_at} ({timezone})')
ON CONFLICT ON CONSTRAINT notification_templates_code_key DO NOTHING;
