CALL platform.ensure_application_role('links_app');
