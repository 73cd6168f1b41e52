"""Files for tests: objects as Storage records them, and rows as our service records them."""

import hashlib
import uuid
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from tests.sql.actors import Actor
from tests.sql.paying import complained, ordered, paid, service_of


JPEG = "image/jpeg"


def make_file(name: str = "a", **changes: object) -> Jsonb:
    """Return the service's description of a picture; another name makes another picture."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    fields = {"sha256": digest, "size": 10, "media_type": JPEG}
    return Jsonb(fields | {"hash": digest, "width": 100, "height": 100} | changes)


def record(user: Actor, type_: str, path: str, file: Jsonb | None = None, **more: object) -> Any:
    """Record a file as the service does for a user."""
    arguments: dict[str, object] = {"url": f"https://files.test/{path}", "title": "file.jpg"}
    return service_of(user.connection).call(
        "record_file",
        user_id=user.id,
        type=type_,
        path=path,
        file=file or make_file(),
        **(arguments | more),
    )


def photographed(seller: Actor, listing_id: object, name: str = "a", **more: object) -> Any:
    """Record a photo of a listing, at a new path."""
    path = f"{listing_id}/0_{uuid.uuid4()}.jpg"
    arguments: dict[str, Any] = {"file": make_file(name), "listing_id": listing_id}
    return record(seller, "listing_photo", path, **(arguments | more))


def removed(user: Actor, bucket: str, path: str, **more: object) -> Any:
    """Remove a file as the service does for a user."""
    return service_of(user.connection).call(
        "remove_file", user_id=user.id, bucket=bucket, path=path, **more
    )


def put_object(owner: Connection, bucket: str, path: str) -> None:
    """Add the row by which Storage knows an object."""
    owner.execute("insert into storage.objects (bucket_id, name) values (%s, %s)", [bucket, path])


def disputed(owner: Connection, seller: Actor, buyer: Actor) -> UUID:
    """Sell an item, pay for it, and open a dispute; return its id."""
    order_id = ordered(seller, buyer)
    paid(owner, order_id)
    answer = complained(owner, order_id)
    return UUID(answer["dispute_id"])
