"""Ask the gateway for the plan of a request, as PostgREST answers it."""

import dataclasses
import time
from collections.abc import Mapping

import httpx

from devstack.emulation.tokens import Keys, ProjectKeys
from tests.proof.plans.dataset import Role
from tests.proof.plans.pages import Page
from tests.proof.plans.plan import Plan, repeated


PLAN = "application/vnd.pgrst.plan+json; options=analyze|buffers"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A client that sends requests with one token."""

    http: httpx.Client
    headers: Mapping[str, str]

    def plan(self, page: Page, ids: Mapping[str, str]) -> Plan:
        """Have Postgres run the request of `page` a few times; return the last plan."""
        return repeated(lambda: self._explained(page, ids))

    def _explained(self, page: Page, ids: Mapping[str, str]) -> Plan:
        filters = {name: value.format(**ids) for name, value in page.where.items()}
        headers = {**self.headers, "Accept": PLAN}
        if page.is_counted:
            headers["Prefer"] = "count=exact"
        answer = self.http.get(
            f"/{page.table}", params={"select": page.select, **filters}, headers=headers
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        return Plan.of(answer.json()[0])


def readers_of(
    http: httpx.Client, keys: ProjectKeys, people: Mapping[Role, str]
) -> Mapping[Role | None, Reader]:
    """Return a reader for each role, and under None the service's key."""
    tokens: dict[Role | None, str] = {
        None: keys.secret_key,
        Role.ANON: keys.publishable_key,
        **{role: Keys(keys).sign(_claims(role, user_id)) for role, user_id in people.items()},
    }
    return {
        role: Reader(
            http=http,
            headers={"apikey": keys.publishable_key, "Authorization": f"Bearer {token}"},
        )
        for role, token in tokens.items()
    }


def _claims(role: Role, user_id: str) -> Mapping[str, object]:
    return {
        "role": "authenticated",
        "sub": user_id,
        "aal": "aal2" if role is Role.STAFF else "aal1",
        "exp": int(time.time()) + 3600,
    }
