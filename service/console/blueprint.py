"""Build the blueprint of the operators' console."""

from flask import Blueprint

from market.auth_api import AuthApi
from market.database import Database
from service.console import actions, pages, rendering, signing_in
from service.console.visits import PATH, Visits
from service.limits import UserLimits
from service.session import Sessions


def console_blueprint(
    database: Database, auth_api: AuthApi, sessions: Sessions, limits: UserLimits
) -> Blueprint:
    """Build the blueprint that serves `/api/admin/console` to browsers of staff."""
    blueprint = Blueprint("console", __name__, url_prefix=PATH, template_folder="templates")
    visits = Visits(auth_api, sessions, limits)
    rendering.install(blueprint, visits)
    signing_in.add_pages(blueprint, auth_api, visits)
    pages.add_pages(blueprint, database, visits)
    actions.add_pages(blueprint, database, visits)
    return blueprint
