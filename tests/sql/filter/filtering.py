"""Calls of the message filter for tests."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from tests.corpus.loader import Action


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One row of `private.filter_verdict`."""

    action: Action
    score: int
    reason_codes: tuple[str, ...]
    findings: list[dict[str, Any]]
    masked: str
    rule_version: int


def judged(
    owner: Connection, text: str, *, earlier: Sequence[str] = (), stage: str = "strict"
) -> Verdict:
    """Return the filter's verdict on a message."""
    query = """
      select v.action::text, v.score, v.reason_codes, v.findings, v.masked, v.rule_version
      from private.filter_message(%s, %s::text[], %s) as v
    """
    [(action, score, reason_codes, findings, masked, rule_version)] = owner.execute(
        query, [text, list(earlier), stage]
    ).fetchall()
    return Verdict(
        action=Action(action),
        score=score,
        reason_codes=tuple(reason_codes),
        findings=findings,
        masked=masked,
        rule_version=rule_version,
    )
