"""The faults that the canary must notice; the product has no switch for any of them.

A fault changes the database as its owner, the environment, a copy of the tree, the running
processes, or the connection to the service.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import psycopg
from psycopg import sql

from tests.canary import steps
from tests.canary.report import Step
from tests.proof.deployment import HEALTHY, Deployment, Patch, Release
from tests.proof.http_proxy import SlowWebhooks


#: Plants a fault for the length of a block, and yields the changes of the canary's environment.
Plant = Callable[[Deployment], AbstractContextManager[dict[str, str]]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault, the steps that it turns red, and the way to plant it."""

    name: str
    red: tuple[Step, ...]
    plant: Plant
    options: tuple[str, ...] = ()


def released(release: Release) -> Plant:
    """Run another release."""

    @contextlib.contextmanager
    def plant(deployment: Deployment) -> Iterator[dict[str, str]]:
        deployment.run(release)
        yield {}

    return plant


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PatchedTree:
    """A service that runs from a copy of the tree in which one text differs."""

    patch: Patch

    @contextlib.contextmanager
    def __call__(self, deployment: Deployment) -> Iterator[dict[str, str]]:
        """Run the copy."""
        deployment.run(Release(patch=self.patch))
        yield {}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PatchedFunction:
    """A function of schema private in which one text differs."""

    function: str
    before: str
    after: str

    @contextlib.contextmanager
    def __call__(self, deployment: Deployment) -> Iterator[dict[str, str]]:
        """Replace the function as the database's owner, and restore it afterwards."""
        deployment.run(HEALTHY)
        with owner(deployment) as database:
            query = "select pg_get_functiondef(%s::regproc)"
            row = database.execute(query, [f"private.{self.function}"]).fetchone()
            assert row is not None
            [healthy] = row
            assert healthy.count(self.before) == 1, f"not once in {self.function}: {self.before!r}"
            database.execute(healthy.replace(self.before, self.after))
            try:
                yield {}
            finally:
                database.execute(healthy)


def changed_database(change: sql.SQL, restore: sql.SQL) -> Plant:
    """Run a statement as the database's owner, and another one afterwards."""

    @contextlib.contextmanager
    def plant(deployment: Deployment) -> Iterator[dict[str, str]]:
        deployment.run(HEALTHY)
        with owner(deployment) as database:
            database.execute(change)
            try:
                yield {}
            finally:
                database.execute(restore)

    return plant


@contextlib.contextmanager
def slow_webhooks(deployment: Deployment) -> Iterator[dict[str, str]]:
    """Put a slow proxy in front of the service."""
    deployment.run(HEALTHY)
    with SlowWebhooks(deployment.environment["SERVICE_URL"]) as proxy:
        yield {"SITE_URL": proxy.url}


@contextlib.contextmanager
def lost_deliveries(deployment: Deployment) -> Iterator[dict[str, str]]:
    """Let Stripe deliver no event about payments."""
    deployment.run(HEALTHY)
    address = f"{deployment.environment['STRIPE_CONTROL_URL']}/delivery"
    with httpx.Client(timeout=15) as http:
        lost = {"mode": "drop", "event_types": ["payment_intent.*"]}
        http.put(address, json=lost).raise_for_status()
        try:
            yield {}
        finally:
            http.put(address, json={"mode": "normal"}).raise_for_status()


def owner(deployment: Deployment) -> psycopg.Connection:
    """Connect as the database's owner; each statement commits."""
    return psycopg.connect(deployment.environment["DATABASE_URL"], autocommit=True)


def _patched_tree(file: str, before: str, after: str) -> PatchedTree:
    return PatchedTree(patch=Patch(file=file, before=before, after=after))


def _patched_function(function: str, before: str, after: str) -> PatchedFunction:
    return PatchedFunction(function=function, before=before, after=after)


_APPLY = "public.apply_payment_succeeded(text, text, text, text, bigint, text, text)"

FAULTS = (
    Fault(
        name="wrong webhook secret",
        red=(steps.UNHANDLED, steps.EVENT),
        plant=released(Release(settings=(("STRIPE_WEBHOOK_SECRETS", "whsec_of_another_site"),))),
    ),
    Fault(
        name="signature check off",
        red=(steps.FORGED,),
        plant=_patched_tree(
            "market/stripe_webhook.py",
            "    return any(_is_signed_by(payload, signature, secret, tolerance_s)"
            " for secret in secrets)",
            "    return True",
        ),
    ),
    Fault(
        name="canary token unchecked",
        red=(steps.TOKEN,),
        plant=_patched_tree(
            "service/canary.py", "compare_digest(given, expected)", "compare_digest(given, given)"
        ),
    ),
    Fault(name="worker down", red=(steps.CLOSE,), plant=released(Release(has_workers=False))),
    Fault(
        name="closer late",
        red=(steps.CLOSE,),
        plant=_patched_function(
            "end_expired_auctions", "a.end_at <= v_now", "a.end_at <= v_now - interval '5.5 s'"
        ),
    ),
    Fault(
        name="duplicate effect",
        red=(steps.REPEATED,),
        plant=_patched_function(
            "apply_payment_succeeded",
            "    return private.settled_answer(v_event);",
            "    insert into public.notifications (user_id, type, title, message, metadata)"
            "    select user_id, type, title, message, metadata from public.notifications"
            "    where type = 'order_paid' and metadata ->> 'order_id' = v_event.order_id::text;"
            "    return private.settled_answer(v_event);",
        ),
    ),
    Fault(
        name="event applied again",
        red=(steps.REPEATED,),
        plant=_patched_function(
            "apply_payment_succeeded", "v_event.processed_at is not null", "false"
        ),
    ),
    Fault(
        name="slow webhook",
        red=(steps.UNHANDLED, steps.REPEATED),
        plant=slow_webhooks,
        options=("--events", "stripe"),
    ),
    Fault(name="Stripe's deliveries lost", red=(steps.EVENT,), plant=lost_deliveries),
    Fault(
        name="ledger off by a cent",
        red=(steps.PAID, steps.REFUNDED, steps.SECOND_PAID, steps.SELLER_PAID),
        plant=_patched_function(
            "post_capture", "(p_payment.amount_cents)", "(p_payment.amount_cents - 1)"
        ),
    ),
    Fault(
        name="execute revoked",
        red=(steps.PROCESSED,),
        plant=changed_database(
            sql.SQL(f"revoke execute on function {_APPLY} from service_role"),
            sql.SQL(f"grant execute on function {_APPLY} to service_role"),
        ),
    ),
    Fault(
        name="seller not paid",
        red=(steps.SELLER_PAID,),
        plant=_patched_function(
            "queue_transfer", "return private.add_transfer(v_order, v_due_cents);", "return null;"
        ),
    ),
    Fault(
        name="filter off",
        red=(steps.MASKED,),
        plant=_patched_function("possible_rules", "and candidate.active", "and false"),
    ),
)
