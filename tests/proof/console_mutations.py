"""Faults in the operators' console: who gets in, and what its forms and pages may do."""

from tests.proof.mutation import mutation


PAGES = ("tests/unit/service/console/test_pages.py",)
SIGNING_IN = ("tests/unit/service/console/test_signing_in.py",)
HOSTILE = ("tests/unit/service/console/test_hostile_requests.py",)
ACTIONS = ("tests/unit/service/console/test_actions.py",)
FAULTS = (
    "tests/sql/operations/test_staff_list_faults.py",
    "tests/sql/moderation/test_staff_callers.py",
)

VISITS = "service/console/visits.py"
RENDERING = "service/console/rendering.py"
READING = "service/console/reading.py"
SESSION = "service/session.py"

CONSOLE_MUTATIONS = (
    mutation(
        "console takes a form without its token",
        VISITS,
        'if request.method == "POST":\n            self.check_form()',
        'if request.method == "PUT":\n            self.check_form()',
        SIGNING_IN,
    ),
    mutation(
        "console takes a form of another session",
        VISITS,
        "_form_key().encode(), owner.encode(), hashlib.sha256",
        "_form_key().encode(), _VISITOR.encode(), hashlib.sha256",
        SIGNING_IN,
    ),
    mutation(
        "console takes a form of any origin",
        SESSION,
        "if origin.lower() not in self._origins:",
        "if not origin:",
        SIGNING_IN,
    ),
    mutation(
        "console takes a form without an origin",
        SESSION,
        "        if origin is None:\n            raise",
        "        if False:\n            raise",
        SIGNING_IN,
    ),
    mutation(
        "console lets any user in",
        VISITS,
        "role = self._sessions.check_staff(session)\n",
        'role = "admin"\n',
        SIGNING_IN,
    ),
    mutation(
        "weak session of staff gets no page of the second factor",
        SESSION,
        "is_weak = role in _STAFF_ROLES",
        "is_weak = False",
        SIGNING_IN,
    ),
    mutation(
        "ended session stays in the browser",
        RENDERING,
        "            visits.forget()\n",
        "            pass\n",
        SIGNING_IN,
    ),
    mutation(
        "action whose answer is lost is said to be not done",
        RENDERING,
        'is_uncertain=request.method == "POST"',
        'is_uncertain=request.method == "PUT"',
        ACTIONS,
    ),
    mutation(
        "link of another site replaces the key of the forms",
        VISITS,
        'samesite="Lax" if name == FORM_COOKIE else "Strict"',
        'samesite="Strict"',
        SIGNING_IN,
    ),
    mutation(
        "two tabs that refresh at once end the session",
        "market/auth_api.py",
        "if answer.status_code == HTTPStatus.CONFLICT:",
        "if False:",
        ("tests/unit/market/test_auth_api.py",),
    ),
    mutation(
        "script reads the cookies of the console",
        VISITS,
        "httponly=True",
        "httponly=False",
        SIGNING_IN,
    ),
    mutation(
        "another path of the site gets the cookies of the console",
        VISITS,
        "                path=PATH,\n",
        "",
        SIGNING_IN,
    ),
    mutation(
        "tries of a password have no limit",
        VISITS,
        "        self._tries.hit()\n",
        "        del self\n",
        SIGNING_IN,
    ),
    mutation(
        "refresh of an invented token is free",
        VISITS,
        "so the address is counted first.\n        self._address_limits.hit()\n",
        "so the address is counted first.\n",
        SIGNING_IN,
    ),
    mutation(
        "another site frames the console",
        RENDERING,
        "frame-ancestors 'none'",
        "frame-ancestors *",
        SIGNING_IN,
    ),
    mutation(
        "page of the console repeats any word of its address",
        RENDERING,
        "done=done if done in ACTIONS else None",
        "done=done",
        ACTIONS,
    ),
    mutation(
        "text of the caller becomes a filter",
        READING,
        "row_id = str(uuid.UUID(row_id))",
        "row_id = str(row_id)",
        PAGES,
    ),
    mutation(
        "page of a list begins with the row of the page before",
        READING,
        "id.{than}.{row_id})",
        "id.{than}e.{row_id})",
        PAGES,
    ),
    mutation(
        "action of the console acts twice",
        "service/console/actions.py",
        "reason_argument: self.reason},\n                client_request_id=str(self.request_id)",
        "reason_argument: self.reason},\n                client_request_id=None",
        ACTIONS,
    ),
    mutation(
        "users list the faults of the books",
        "operations/functions/faults.sql",
        "  perform private.refuse_unless_staff();\n",
        "",
        FAULTS,
    ),
    mutation(
        "order whose books differ is not listed",
        "operations/functions/faults.sql",
        "where has_drift or differs_since is not null",
        "where has_drift",
        FAULTS,
    ),
    mutation(
        "console takes an amount with a sign",
        "service/console/actions.py",
        'r"([0-9]{1,7})',
        'r"-?([0-9]{1,7})',
        ACTIONS,
    ),
    mutation(
        "empty amount refunds all that is left",
        "service/console/actions.py",
        "    if amount is None:\n        raise ValueError",
        "    if amount is None and text:\n        raise ValueError",
        ACTIONS,
    ),
    mutation(
        "refund by the console has no reason",
        "market/payments/repository.py",
        "            refund_reason=reason,",
        "            refund_reason=None,",
        ACTIONS,
    ),
    mutation(
        "console shows the form for roles to moderators",
        RENDERING,
        'is_admin=g.get("console_role") == "admin"',
        'is_admin="console_role" in g',
        PAGES,
    ),
    mutation(
        "staff read events about themselves",
        "inbox/functions/retries.sql",
        "  elsif private.is_event_about(v_event, auth.uid()) then",
        "  elsif false then",
        ("tests/sql/inbox/test_dead_events.py",),
    ),
    mutation(
        "query may have a text that Postgres cannot store",
        "service/bodies.py",
        "_validated(model, _storable(request.args.to_dict()))",
        "_validated(model, request.args.to_dict())",
        PAGES,
    ),
    mutation(
        "script of the web app reads the console",
        VISITS,
        '_DESTINATIONS = ("document", "style", "script")',
        '_DESTINATIONS = ("document", "style", "script", "empty")',
        HOSTILE,
    ),
    mutation(
        "old form acts in the next session",
        VISITS,
        "        _set_cookie(FORM_COOKIE, secrets.token_urlsafe(32))",
        "",
        HOSTILE,
    ),
    mutation(
        "enrolments are not limited",
        "service/console/signing_in.py",
        "        visits.count_try()\n        enrolment",
        "        enrolment",
        HOSTILE,
    ),
)
