"""Build the app that gunicorn runs: `gunicorn service.wsgi:app`."""

from market import log
from market.settings import Settings
from service.app import create_app


settings = Settings.from_environment()
log.set_up(level=settings.log_level, is_json=settings.is_log_json)
app = create_app(settings)
