"""Routes by which a scheduler or staff run a job of the workers, and see how the jobs run."""

import hmac
from typing import Annotated, Literal

import pydantic
import structlog
from flask import Blueprint, request

from market import duties
from market.auctions import forcing, repository
from market.database import Database
from market.errors import RejectedError
from service.admin import STAFF_ACTION, BatchResult
from service.limits import AddressLimits, UserLimits
from service.route_table import ADDRESS, DATABASE_CODES, Answer, Caller, Id, Route, Time
from service.session import Session, Sessions


log = structlog.get_logger(__name__)

_HEADER = "x-cron-secret"
_REASON = "Expired auctions were closed by hand"


class ClosingAnswer(Answer):
    """The result of closing the auctions whose end has come, as `end_expired_auctions` answers."""

    success: Literal[True]
    message: str
    result: BatchResult


class RecentClose(Answer):
    """An auction that was closed or cancelled lately."""

    auction_id: Id
    status: Literal["finalized", "no_sale", "cancelled"]
    end_at: Time
    finalized_at: Time


class ClosingStatusAnswer(Answer):
    """The auctions that wait for their close, and the last ones that were closed."""

    success: Literal[True]
    expired_auctions_pending: int
    recent_processing: list[RecentClose]
    last_checked: Annotated[str, pydantic.Field(description="The database's time.")]


class CronJob(Answer):
    """A job of the database itself."""

    name: str
    schedule: str
    is_active: bool


class JobRun(Answer):
    """A run of a worker's job."""

    job: str
    started_at: Time
    finished_at: Time | None
    processed: int
    failed: int
    error: str | None


class CronStatusAnswer(Answer):
    """The jobs of the database, and the last runs of the workers' jobs, the newest first."""

    success: Literal[True]
    cron_jobs: list[CronJob]
    job_runs: list[JobRun]
    message: str


def jobs_blueprint(
    database: Database,
    sessions: Sessions,
    limits: UserLimits,
    address_limits: AddressLimits,
    *,
    secret: str,
) -> Blueprint:
    """Build the blueprint that serves `/api/auctions/process-expired` and `/api/cron/status`."""
    blueprint = Blueprint("jobs", __name__, url_prefix="/api")
    _add_closing_routes(
        blueprint, database, _Callers(sessions, limits, address_limits, secret=secret)
    )
    _add_status_route(blueprint, database, sessions, limits)
    return blueprint


def _add_closing_routes(blueprint: Blueprint, database: Database, callers: "_Callers") -> None:
    @blueprint.post("/auctions/process-expired")
    @Route(
        summary="Close up to 100 auctions whose end has come. A call by staff is audited.",
        callers=(Caller.TOKEN, Caller.STAFF),
        auth_header=_HEADER,
        limits=(ADDRESS, STAFF_ACTION),
        answer=ClosingAnswer,
        codes=("FORBIDDEN", *DATABASE_CODES),
    )
    def process_expired() -> ClosingAnswer:
        session = callers.require_secret_or_staff()
        if session is None:
            result = forcing.close_expired(database)
        else:
            done = forcing.finalize(database, actor_id=session.user_id, reason=_REASON)
            result = done["result"]
        count = result["auctions_processed"]
        log.info("expired_auctions_processed", count=count, failed=result["failed"])
        return ClosingAnswer(
            success=True,
            message=f"Auctions closed: {count}",
            result=BatchResult.model_validate(result),
        )

    @blueprint.get("/auctions/process-expired")
    @Route(
        summary="Read how many auctions wait for their close. It changes nothing.",
        callers=(Caller.TOKEN, Caller.STAFF),
        auth_header=_HEADER,
        limits=(ADDRESS, STAFF_ACTION),
        answer=ClosingStatusAnswer,
        codes=("FORBIDDEN", *DATABASE_CODES),
    )
    def closing_status() -> ClosingStatusAnswer:
        callers.require_secret_or_staff()
        status = repository.closing_status(database)
        return ClosingStatusAnswer.model_validate(
            {
                "success": True,
                "expired_auctions_pending": status["expired_count"],
                "recent_processing": status["recently_closed"],
                "last_checked": status["server_time"],
            }
        )


def _add_status_route(
    blueprint: Blueprint, database: Database, sessions: Sessions, limits: UserLimits
) -> None:
    @blueprint.get("/cron/status")
    @Route(
        summary="Read the scheduled jobs of the database and the last runs of the workers' jobs.",
        callers=(Caller.STAFF,),
        limits=(STAFF_ACTION,),
        answer=CronStatusAnswer,
        codes=("FORBIDDEN",),
    )
    def cron_status() -> CronStatusAnswer:
        session = sessions.require_staff()
        limits.hit(STAFF_ACTION, session.user_id)
        status = duties.read_status(database)
        count = len(status["cron_jobs"])
        message = f"Jobs of pg_cron: {count}" if count else "This database has no pg_cron"
        return CronStatusAnswer.model_validate({**status, "success": True, "message": message})


class _Callers:
    """Checks that a caller holds the secret or is on the staff."""

    def __init__(
        self,
        sessions: Sessions,
        limits: UserLimits,
        address_limits: AddressLimits,
        *,
        secret: str,
    ) -> None:
        self._sessions = sessions
        self._limits = limits
        self._address_limits = address_limits
        self._secret = secret.encode()

    def require_secret_or_staff(self) -> Session | None:
        """Return the session of a member of staff, or None for the holder of the secret.

        Raises:
            RejectedError: as `Sessions.require_staff`, or `RATE_LIMITED`. A wrong secret is
                `UNAUTHORIZED`, even with a session.

        """
        given = request.headers.get(_HEADER)
        if given is not None:
            # The comparison takes constant time, or a caller could guess the secret by bytes.
            if hmac.compare_digest(given.encode(), self._secret):
                return None
            self._address_limits.hit()
            raise RejectedError("UNAUTHORIZED", "cron_secret")
        try:
            session = self._sessions.require_staff()
        except RejectedError as refusal:
            if refusal.code == "UNAUTHORIZED":
                self._address_limits.hit()
            raise
        self._limits.hit(STAFF_ACTION, session.user_id)
        return session
