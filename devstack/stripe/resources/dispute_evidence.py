"""The evidence of a dispute: https://docs.stripe.com/api/disputes/evidence_object."""

from devstack.stripe.errors import missing
from devstack.stripe.params import Params
from devstack.stripe.store import Json


_TEXTS = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_tracking_number",
    "uncategorized_text",
)
_FILES = (
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
)


def known_from(charge: Json) -> Json:
    """Return the evidence of a new dispute: what the charge tells of its buyer."""
    return {
        **dict.fromkeys(_TEXTS + _FILES),
        "customer_email_address": charge["billing_details"]["email"],
        "customer_name": charge["billing_details"]["name"],
        "enhanced_evidence": {},
    }


def read(params: Params) -> Json:
    """Return the fields of `evidence` that are given; the fake Stripe has no files to name."""
    fields = params.nested("evidence")
    if fields is None:
        return {}
    for name in _FILES:
        file_id = fields.text(name)
        if file_id is not None:
            raise missing("file upload", file_id, param=f"evidence[{name}]")
    return {name: fields.clearable_text(name) for name in _TEXTS if fields.has(name)}
