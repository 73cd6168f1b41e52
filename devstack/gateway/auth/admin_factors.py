"""The admin API of second factors: what a user enrolled, and the end of one that was lost."""

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import admin, answers, factors, mfa
from devstack.gateway.auth.caller import require_admin
from devstack.gateway.auth.desk import Desk


async def list_factors(desk: Desk, request: Request) -> Response:
    """GET /admin/users/{id}/factors."""
    require_admin(request, desk)
    async with desk.transaction() as cursor:
        user = await admin.user_of(cursor, request)
    return answers.ok([answers.factor_json(factor) for factor in user.factors])


async def delete_factor(desk: Desk, request: Request) -> Response:
    """DELETE /admin/users/{id}/factors/{id}: the user signs in by password alone again."""
    require_admin(request, desk)
    async with desk.transaction() as cursor:
        user = await admin.user_of(cursor, request)
        factor = mfa.factor_of(user, request.path_params["factor_id"])
        await factors.drop(cursor, factor)
    return answers.ok(answers.factor_json(factor))
