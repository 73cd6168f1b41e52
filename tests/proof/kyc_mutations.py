"""Faults in the verification of people and in redactions."""

from tests.proof.mutation import mutation


START = ("tests/sql/kyc/test_begin_verification.py", "tests/sql/kyc/test_access.py")
EVENTS = ("tests/sql/kyc/test_verification_events.py", "tests/sql/kyc/test_kept_data.py")
REDACTION = ("tests/sql/kyc/test_redaction.py",)
PYTHON = ("tests/unit/market/kyc",)

STARTING = "kyc/functions/starting.sql"
READINGS = "kyc/functions/events.sql"
OUTCOMES = "kyc/functions/outcomes.sql"
REDACTIONS = "kyc/functions/redaction.sql"

KYC_MUTATIONS = (
    mutation(
        "failed checks lead to no cooldown",
        STARTING,
        "when v_wait_ms is not null",
        "when false",
        START,
    ),
    mutation(
        "verified person starts again",
        STARTING,
        "when p_user.kyc = 'passed'",
        "when false",
        START,
    ),
    mutation(
        "session of another verification is attached",
        STARTING,
        "elsif exists (\n    select from private.kyc_sessions where "
        "stripe_session_id = p_stripe_session_id\n  ) then",
        "elsif false then",
        START,
    ),
    mutation(
        "second session of a concurrent start stays open",
        STARTING,
        "perform private.queue_redaction(p_stripe_session_id);\n"
        "    return jsonb_build_object('success', true",
        "return jsonb_build_object('success', true",
        START,
    ),
    mutation(
        "anybody reads the verification of a session",
        "kyc/functions/reading.sql",
        "where user_id = p_user_id\n    and (",
        "where (",
        START,
    ),
    mutation(
        "metadata may name another user",
        READINGS,
        "when p_user_ref <> p_session.user_id::text then 'user_contradicted'",
        "when false then 'user_contradicted'",
        EVENTS,
    ),
    mutation(
        "late read replaces a newer one",
        READINGS,
        "when p_read_number < p_session.reads_applied",
        "when false",
        EVENTS,
    ),
    mutation(
        "older event takes effect",
        READINGS,
        "when to_timestamp(p_event_created) < p_session.last_event_at",
        "when false",
        EVENTS,
    ),
    mutation(
        "sentence of an error is kept",
        READINGS,
        " ~ '^[a-z]+(_[a-z]+)*$' and char_length(v_code) <= 100 then v_code",
        " <> '' then left(v_code, 100)",
        EVENTS,
    ),
    mutation(
        "address is verified that was not compared",
        READINGS,
        "and (p_address is null or p_address = v_user.address)",
        "",
        EVENTS,
    ),
    mutation(
        "late event takes a pass back",
        OUTCOMES,
        "or p_user.kyc = 'passed'",
        "or false",
        EVENTS,
    ),
    mutation(
        "pass makes staff sellers",
        OUTCOMES,
        "and role = 'buyer' then",
        "then",
        EVENTS,
    ),
    mutation(
        "earlier session fails a user",
        OUTCOMES,
        "p_user.stripe_identity_session_id <> p_session.stripe_session_id",
        "false",
        EVENTS,
    ),
    mutation(
        "abandoned session is an attempt",
        OUTCOMES,
        "values (p_report_id, p_session.id, p_session.user_id, v_now)",
        "values (coalesce(p_report_id, gen_random_uuid()::text), p_session.id, p_session.user_id,"
        " v_now)",
        START,
        ("if p_report_id is not null and p_session.user_id", "if p_session.user_id"),
    ),
    mutation(
        "session stays open after the last attempt",
        OUTCOMES,
        "perform private.queue_redaction(p_session.stripe_session_id);",
        "null;",
        START,
    ),
    mutation(
        "deleted user keeps getting news",
        OUTCOMES,
        "or p_user.deleted_at is not null",
        "or false",
        REDACTION,
    ),
    mutation(
        "dead redaction stays dead",
        REDACTIONS,
        "perform private.revive_outbox(v_outbox_id);",
        "null;",
        REDACTION,
    ),
    mutation(
        "late answer takes a redaction back",
        REDACTIONS,
        "redaction = greatest(redaction, v_state)",
        "redaction = v_state",
        REDACTION,
    ),
    mutation(
        "check under way spends the tries of a redaction",
        "outbox/functions/results.sql",
        "v_is_free := v_is_wait or v_is_unanswered or p_error_code = 'VERIFICATION_UNDER_WAY';",
        "v_is_free := v_is_wait or v_is_unanswered;",
        REDACTION,
    ),
    mutation(
        "anonymised account keeps its documents at Stripe",
        "accounts/functions/deletion.sql",
        "delete from auth.sessions where user_id = p_user_id;\n"
        "  perform private.redact_person(p_user_id);",
        "delete from auth.sessions where user_id = p_user_id;",
        REDACTION,
    ),
    mutation(
        "unknown session is read",
        "market/kyc/verification.py",
        "    if terms is None:\n        return None\n",
        "",
        PYTHON,
    ),
    mutation(
        "outputs are read for every session",
        "market/kyc/verification.py",
        'if session.get("status") == "verified" and not session.get("redaction") and',
        "if",
        PYTHON,
    ),
    mutation(
        "session without metadata passes",
        "market/kyc/verification.py",
        'user_ref="" if user_ref is None and redaction is None else user_ref',
        "user_ref=user_ref",
        PYTHON,
    ),
    mutation(
        "house number alone is an address",
        "market/kyc/addresses.py",
        "len(shorter.split()) >= _FEWEST_WORDS",
        "shorter",
        PYTHON,
    ),
)
