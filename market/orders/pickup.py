"""Pickup codes: made for the seller, shown to the buyer in person, entered by the buyer.

The database holds HMACs under our pepper. Six digits are few, so a plain hash of them would reveal
the code to anyone who reads the table.
"""

import hashlib
import hmac
import secrets
import uuid

import structlog

from market.database import Database
from market.orders import repository
from market.orders.types import NewPickup


log = structlog.get_logger(__name__)


def init(database: Database, *, pepper: str, order_id: str, user_id: str) -> NewPickup:
    """Make a new code for the seller of an order; the old one is void.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, `FORBIDDEN`, `NOT_READY`.

    """
    code6 = f"{secrets.randbelow(10**6):06d}"
    qr_token = str(uuid.uuid4())
    expires_at = repository.init_pickup(
        database,
        order_id=order_id,
        user_id=user_id,
        code_hmac=_hmac_of(pepper, order_id, code6),
        qr_token_hmac=_hmac_of(pepper, order_id, qr_token),
    )
    log.info("pickup_code_made", order_id=order_id)
    return NewPickup(code6=code6, qr_token=qr_token, expires_at=expires_at)


def redeem(
    database: Database,
    *,
    pepper: str,
    order_id: str,
    user_id: str,
    code6: str | None,
    qr_token: str | None,
) -> str:
    """Redeem the code or the token, or both, as the buyer; return the order's state.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, `FORBIDDEN`, `NOT_READY`, `PICKUP_LOCKED`,
            `CODE_EXPIRED`, `INVALID_CODE`. SQL has counted a wrong code.

    """
    state = repository.redeem_pickup(
        database,
        order_id=order_id,
        user_id=user_id,
        code_hmac=None if code6 is None else _hmac_of(pepper, order_id, code6),
        qr_token_hmac=None if qr_token is None else _hmac_of(pepper, order_id, qr_token),
        # The adapter may repeat the call, and SQL counts a wrong code once per request.
        request_id=str(uuid.uuid4()),
    )
    log.info("pickup_redeemed", order_id=order_id)
    return state


def _hmac_of(pepper: str, order_id: str, secret: str) -> str:
    # The order is part of the message, so equal codes of two orders have different HMACs.
    message = f"{order_id}:{secret}".encode()
    return hmac.new(pepper.encode(), message, hashlib.sha256).hexdigest()
