SET LOCAL ROLE mentorbase_owner;

DELETE FROM notifications.notification_templates
WHERE code = 'lesson_planned' AND channel = 'telegram' AND language_code IN ('en', 'ru');
