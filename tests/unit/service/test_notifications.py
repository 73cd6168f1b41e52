"""`service.notifications`: the list behind the bell."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.factories import BUYER_ID, ORDER_ID
from tests.unit.service.adapters import Service, make_service, make_token


LIVE = {"is_live": True, "is_suspended": False, "role": "buyer"}
ALLOWED = {"allowed": True, "retry_after_ms": 0}
NOTICE = {
    "id": ORDER_ID,
    "user_id": BUYER_ID,
    "type": "outbid",
    "title": "You have been outbid",
    "message": "It is at $13.00 now.",
    "read": False,
    "metadata": {"order_id": ORDER_ID},
    "created_at": "2026-11-29T10:00:00+00:00",
    "updated_at": "2026-11-29T10:00:00+00:00",
}
LIST = {"success": True, "notifications": [NOTICE], "unread_count": 3}


@pytest.fixture
def service() -> Service:
    service = make_service()
    service.database.call.side_effect = [LIVE, ALLOWED, LIST]
    return service


def show(service: Service, query: str = "") -> TestResponse:
    answer: TestResponse = service.client.get(
        f"/api/notifications{query}", headers={"Authorization": f"Bearer {make_token()}"}
    )
    return answer


def mark(service: Service, body: Any) -> TestResponse:
    service.database.call.side_effect = [LIVE, ALLOWED, {"success": True, "updated": 2}]
    answer: TestResponse = service.client.post(
        "/api/notifications", json=body, headers={"Authorization": f"Bearer {make_token()}"}
    )
    return answer


@pytest.mark.parametrize(
    ("query", "is_unread_only", "rows"),
    [
        ("", False, 50),
        ("?unreadOnly=true&limit=1", True, 1),
        ("?unreadOnly=false&limit=100", False, 100),
        (f"?userId={BUYER_ID}", False, 50),
    ],
)
def test_list_is_that_of_the_caller(
    service: Service, query: str, *, is_unread_only: bool, rows: int
) -> None:
    """SQL filters and limits; "false" is no true (A19)."""
    answer = show(service, query)

    body = answer.get_json()
    assert isinstance(body.pop("responseTimeMs"), int)
    assert (200, {"success": True, "notifications": [NOTICE], "unreadCount": 3}) == (
        answer.status_code, body,
    )  # fmt: skip
    assert {
        "user_id": BUYER_ID,
        "is_unread_only": is_unread_only,
        "max_rows": rows,
    } == service.database.call.call_args.kwargs
    assert {"action": "list_notifications", "key": BUYER_ID} == (
        service.database.call.call_args_list[1].kwargs
    )


@pytest.mark.parametrize(
    "query",
    [
        "?unreadOnly=1", "?unreadOnly=True", "?unreadOnly=yes", "?unreadOnly=", "?limit=0",
        "?limit=101", "?limit=-1", "?limit=ten", "?limit=", "?userId=me",
    ],
)  # fmt: skip
def test_bad_query_is_refused(service: Service, query: str) -> None:
    """A word that is neither true nor false is a mistake of the caller (A19)."""
    answer = show(service, query)

    assert (400, "VALIDATION_ERROR") == (answer.status_code, answer.get_json()["code"])
    assert "list_notifications" not in service.called


def test_list_of_another_user_is_refused(service: Service) -> None:
    """A list with another user's id in the query is refused."""
    answer = show(service, f"?userId={ORDER_ID}")

    assert (403, "FORBIDDEN") == (answer.status_code, answer.get_json()["code"])
    assert "list_notifications" not in service.called


@pytest.mark.parametrize(
    ("body", "notification_id"),
    [
        ({"action": "mark_read", "notificationId": ORDER_ID}, ORDER_ID),
        ({"action": "mark_all_read"}, None),
        ({"action": "mark_all_read", "notificationId": ORDER_ID}, None),
    ],
)
def test_one_or_all_are_marked(service: Service, body: Any, notification_id: str | None) -> None:
    """The answer is the number of notifications that were unread (A19)."""
    answer = mark(service, body)

    assert (200, {"success": True, "updated": 2}) == (answer.status_code, answer.get_json())
    assert {
        "user_id": BUYER_ID,
        "notification_id": notification_id,
    } == service.database.call.call_args.kwargs
    assert {"action": "mark_notifications", "key": BUYER_ID} == (
        service.database.call.call_args_list[1].kwargs
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "mark_read"},
        {"action": "mark_read", "notificationId": None},
        {"action": "mark_read", "notificationId": "x"},
        {"action": "delete"},
        {"action": True},
        [],
    ],
)
def test_bad_body_is_refused(service: Service, body: Any) -> None:
    """A single mark needs its id: without it, all would be marked."""
    assert 400 == mark(service, body).status_code
    assert "mark_notifications" not in service.called


@pytest.mark.parametrize(("code", "status"), [("FORBIDDEN", 403), ("RESOURCE_NOT_FOUND", 404)])
def test_notification_of_another_user_is_refused(service: Service, code: str, status: int) -> None:
    """SQL refuses another user's notification."""
    body = {"action": "mark_read", "notificationId": ORDER_ID}
    refusal = {"success": False, "code": code, "error": "No"}
    service.database.call.side_effect = [LIVE, ALLOWED, refusal]

    answer = service.client.post(
        "/api/notifications", json=body, headers={"Authorization": f"Bearer {make_token()}"}
    )

    assert (status, code) == (answer.status_code, answer.get_json()["code"])
