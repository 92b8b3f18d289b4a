CALL platform.ensure_application_role('notifications_app');
