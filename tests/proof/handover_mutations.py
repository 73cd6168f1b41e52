"""Faults in the actions of the parties, pickup codes and shipments."""

from tests.proof.mutation import mutation


ACTIONS = ("tests/sql/orders/test_act_on_order.py",)
CROWD = ("tests/sql/concurrency/test_actions_race.py",)
PAGE = ("tests/sql/orders/test_get_order.py",)
PICKUP = ("tests/sql/fulfilment/test_pickups.py",)
SHIPMENT = ("tests/sql/fulfilment/test_shipments.py",)

ACTION_BODIES = "orders/functions/actions.sql"
PICKUP_BODIES = "fulfilment/functions/pickups.sql"
SHIPMENT_BODIES = "fulfilment/functions/shipments.sql"
ADDRESSES = "fulfilment/functions/addresses.sql"

HANDOVER_MUTATIONS = (
    mutation(
        "two actions at once do not wait for each other",
        ACTION_BODIES,
        "from public.orders where id = p_order_id for update;\n  v_kind",
        "from public.orders where id = p_order_id;\n  v_kind",
        CROWD,
    ),
    mutation(
        "either party takes each action",
        ACTION_BODIES,
        "where action = p_action and actor_kind = v_kind\n  ) then",
        "where action = p_action\n  ) then",
        ACTIONS,
    ),
    mutation(
        "pending refund stops no action",
        ACTION_BODIES,
        "elsif v_order.refund_pending then",
        "elsif false then",
        ACTIONS,
    ),
    mutation(
        "cancelled order keeps the money",
        "orders/tables.sql",
        "('cancel', 'buyer', 'paid', 'cancelled', true)",
        "('cancel', 'buyer', 'paid', 'cancelled', false)",
        ACTIONS,
    ),
    mutation(
        "buyer cancels an order that is ready",
        "orders/tables.sql",
        "('cancel', 'seller', 'ready_for_handover', 'cancelled', true)",
        "('cancel', 'seller', 'ready_for_handover', 'cancelled', true),\n"
        "('cancel', 'buyer', 'ready_for_handover', 'cancelled', true)",
        ACTIONS,
    ),
    mutation(
        "failed refund is never requested again",
        ACTION_BODIES,
        "select count(*) from public.refunds where order_id = p_order_id",
        "select 0",
        ACTIONS,
    ),
    mutation(
        "page of an order is open to anyone",
        "orders/functions/details.sql",
        "private.party_of(p_order, p_user_id) is not null",
        "true",
        PAGE,
    ),
    mutation(
        "staff need no second factor",
        "accounts/functions.sql",
        "coalesce(p_aal = 'aal2', false)",
        "true",
        PAGE,
    ),
    mutation(
        "address is shown before the payment",
        ADDRESSES,
        "p_order.paid_at is null or private.is_ended(p_order.state)",
        "private.is_ended(p_order.state)",
        PAGE,
    ),
    mutation(
        "address is kept again after a dispute",
        "orders/functions/transitions.sql",
        "if p_order.state = 'paid' and p_from_state = 'pending_payment' then",
        "if p_order.state = 'paid' then",
        PAGE,
    ),
    mutation(
        "seller redeems the own code",
        PICKUP_BODIES,
        "elsif p_user_id is distinct from v_order.buyer_id then",
        "elsif p_user_id not in (v_order.buyer_id, v_order.seller_id) then",
        PICKUP,
    ),
    mutation(
        "wrong codes are not counted",
        PICKUP_BODIES,
        "    attempts = attempts + 1,\n    locked = attempts + 1 >=",
        "    attempts = attempts,\n    locked = attempts >=",
        PICKUP,
    ),
    mutation(
        "sixth try is allowed",
        PICKUP_BODIES,
        "locked = attempts + 1 >= private",
        "locked = attempts >= private",
        PICKUP,
    ),
    mutation(
        "repeated request counts again",
        PICKUP_BODIES,
        "where id = p_pickup.id and last_request_id is distinct from p_request_id",
        "where id = p_pickup.id",
        PICKUP,
    ),
    mutation(
        "code never expires",
        PICKUP_BODIES,
        "if v_pickup.expires_at <= v_now then",
        "if false then",
        PICKUP,
    ),
    mutation(
        "right token excuses wrong digits",
        PICKUP_BODIES,
        "    and coalesce(p_code_hmac = p_pickup.code_hmac, true)\n"
        "    and coalesce(p_qr_token_hmac = p_pickup.qr_token_hmac, true)",
        "    and (coalesce(p_code_hmac = p_pickup.code_hmac, false)\n"
        "    or coalesce(p_qr_token_hmac = p_pickup.qr_token_hmac, false))",
        PICKUP,
    ),
    mutation(
        "new code leaves the pickup locked",
        PICKUP_BODIES,
        "    locked = false,\n",
        "",
        PICKUP,
    ),
    mutation(
        "second save is a second parcel's error",
        SHIPMENT_BODIES,
        "  on conflict (order_id) do update\n"
        "  set\n"
        "    carrier = excluded.carrier, tracking = excluded.tracking, "
        "label_url = excluded.label_url\n",
        "",
        SHIPMENT,
    ),
    mutation(
        "empty label is kept",
        SHIPMENT_BODIES,
        "nullif(btrim(p_label_url), '')",
        "btrim(p_label_url)",
        SHIPMENT,
    ),
    mutation(
        "delivered parcel moves nothing",
        SHIPMENT_BODIES,
        "if p_order.state = 'shipped' and not p_order.refund_pending then",
        "if false then",
        SHIPMENT,
    ),
    mutation(
        "first scan is the last",
        SHIPMENT_BODIES,
        "least(first_scan_at, p_event_time)",
        "p_event_time",
        SHIPMENT,
    ),
)
