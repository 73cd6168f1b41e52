"""`tests.support.seen_answers`: each code that a route states is seen by a test."""

from tests.support.seen_answers import REVIEWED, unseen


def test_code_that_no_test_has_seen_is_found() -> None:
    """A code of another route does not count, and a reviewed one need not be seen."""
    reviewed = next(iter(REVIEWED.keys() - {"POST /api/webhooks/stripe/identity"}))
    stated = {"GET /a": ("CONFLICT", "TIMEOUT", reviewed), "GET /b": ("CONFLICT",)}

    assert ["GET /a: TIMEOUT", "GET /b: CONFLICT"] == unseen(stated, {("GET /a", "CONFLICT")})
    assert [] == unseen({"GET /a": ("CONFLICT",)}, {("GET /a", "CONFLICT")})
