"""Actions of staff for tests."""

from typing import Any

from tests.sql.actors import Actor


REASON = "A rule of the house was broken"


def suspend(staff: Actor, person: Actor, **more: object) -> Any:
    """Suspend a person; return the answer."""
    sent: dict[str, object] = {"reason": REASON, **more}
    return staff.call("staff_suspend_user", user_id=person.id, **sent)


def audited(staff: Actor) -> list[tuple[str, str, str | None, str]]:
    """Return action, entity, id and reason of each entry in the audit log, in order.

    Entries of one transaction have the same time, so the names of their actions order them.
    """
    query = """
      select action, entity, entity_id, description from public.audit_logs
      where actor_id = %(id)s order by created_at, action desc
    """
    return staff.rows(query, id=staff.id)
