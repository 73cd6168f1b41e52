"""Know the exposed schemas: read them from the catalogue, and again on NOTIFY pgrst."""
