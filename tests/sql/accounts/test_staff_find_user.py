"""`staff_find_user`: staff find a user by a whole e-mail address."""

from psycopg import Connection

from tests.sql.actors import Actor


def test_user_is_found_by_the_whole_address_in_any_case(
    owner: Connection, moderator: Actor, alice: Actor
) -> None:
    """A part of an address, a pattern and an address that nobody has find nobody."""
    owner.execute("update public.users set email = 'Alice@Shop.test' where id = %s", [alice.id])

    for email in ("alice@shop.TEST", "Alice@Shop.test"):
        assert {"success": True, "user_id": str(alice.id)} == moderator.call(
            "staff_find_user", email=email
        )
    for other in ("alice@shop", "%@shop.test", "a_ice@shop.test", "", None):
        answer = moderator.call("staff_find_user", email=other)
        assert "PROFILE_NOT_FOUND" == answer["code"]
