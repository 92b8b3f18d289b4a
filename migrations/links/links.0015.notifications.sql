-- Settings belong to users, and publications are told to subscribers; the next migration checks the rows that are there.
-- depends: links.0010.validate_teaching notifications.0001.init

SET LOCAL ROLE mentorbase_owner;
SET LOCAL lock_timeout = '5s';

-- Settings go with their person; notifications themselves may be for somebody who has not registered.
ALTER TABLE notifications.user_notification_settings
ADD CONSTRAINT user_notification_settings_telegram_id_fkey FOREIGN KEY (telegram_id)
REFERENCES auth.users (telegram_id) ON UPDATE CASCADE ON DELETE CASCADE NOT VALID;

COMMENT ON CONSTRAINT user_notification_settings_telegram_id_fkey ON notifications.user_notification_settings IS
'telegram_id is the Telegram account of a user.';

CREATE FUNCTION links.notify_subscribers()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER -- whoever publishes may not write notifications
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    publication record;
BEGIN
    FOR publication IN
        SELECT
            p.id, p.kind, p.reference, p.title,
            array_agg(u.telegram_id ORDER BY u.telegram_id) AS recipients,
            array_agg(u.language_code ORDER BY u.telegram_id) AS languages
        FROM published AS p
        INNER JOIN mentoring.mentor_mentee AS m ON p.mentor_id = m.mentor_id
        INNER JOIN auth.users AS u ON m.mentee_id = u.id
        WHERE m.status = 'active' AND u.telegram_id IS NOT NULL AND u.is_active
            AND CASE p.kind
                WHEN 'quiz' THEN m.subscribe_to_quizzes
                WHEN 'course' THEN m.subscribe_to_courses
                WHEN 'subject' THEN m.subscribe_to_subjects
            END
        GROUP BY p.id, p.kind, p.reference, p.title
        ORDER BY p.id
    LOOP
        PERFORM notifications.enqueue_many(
            publication.recipients, 'publication', 'telegram',
            jsonb_build_object(
                'publication_id', publication.id, 'kind', publication.kind,
                'reference', publication.reference, 'title', publication.title
            ),
            format('publication:%s', publication.id), publication.languages
        );
    END LOOP;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION links.notify_subscribers() IS
'Statement trigger of publications, where services share a database: queues a notification for each active subscriber of the mentor and kind who has a Telegram account, in their language and by their settings, once a publication. Without a template for publication nothing is published (MB301).';

CREATE TRIGGER publications_notify_subscribers
AFTER INSERT ON mentoring.publications
REFERENCING NEW TABLE AS published
FOR EACH STATEMENT EXECUTE FUNCTION links.notify_subscribers();
