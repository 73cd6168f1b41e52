"""Compute the load of many users on hosted Supabase, and the number of users at each limit.

The costs come from measured figures, the limits from the documentation of Supabase and Stripe, and
the behaviour of users from the assumptions below. `docs/scaling.md` shows and discusses the result.
"""

import dataclasses
from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """Behaviour of users that nobody has measured yet."""

    value: float
    text: str


#: Everything below is about the busiest hour of a day.
ASSUMED: Mapping[str, Assumption] = {
    "online": Assumption(value=0.02, text="share of registered users who are online"),
    "reads": Assumption(value=0.1, text="REST reads a second of an online user"),
    "api": Assumption(value=1 / 300, text="calls of `/api` a second of an online user"),
    "bids": Assumption(value=1 / 1200, text="bids a second of an online user"),
    "joins": Assumption(value=2 / 60, text="channel joins a second of an online user"),
    "watchers": Assumption(value=20, text="watchers of an auction at the time of a bid"),
    "messages": Assumption(
        value=4,
        text="Realtime messages of a bid to each watcher: auction, two bids, broadcast",
    ),
    "sales": Assumption(value=0.05 * 0.6 / 7, text="sales a day of a registered user"),
    "peak_share": Assumption(value=0.3, text="share of a day's sales in the busiest hour"),
    "events": Assumption(value=5, text="Stripe events of a sale"),
    "stripe_calls": Assumption(value=6, text="calls of Stripe for a sale"),
    "busy": Assumption(
        value=0.5, text="share of its cores that Postgres or the service may use in that hour"
    ),
}
#: https://supabase.com/docs/guides/platform/compute-and-disk: cores, connections, pooler clients.
COMPUTE = (
    ("Small", 2, 90, 400),
    ("Large", 2, 160, 800),
    ("XL", 4, 240, 1000),
    ("2XL", 8, 380, 1500),
    ("4XL", 16, 480, 3000),
    ("8XL", 32, 490, 6000),
    ("12XL", 48, 500, 9000),
    ("16XL", 64, 500, 12000),
)
#: https://supabase.com/docs/guides/realtime/limits, Team plan, or Pro without a spend cap.
REALTIME_CONNECTIONS, REALTIME_MESSAGES, REALTIME_JOINS = 10_000, 2_500, 2_500
#: https://docs.stripe.com/rate-limits, live mode: requests a second.
STRIPE_CALLS = 100
#: The bench's machine, which runs the service, the gateway and Postgres together.
BENCH_CORES = 2
#: The measured figures that the computation uses, by their keys.
USED = (
    "bid_sql_mean",
    "close_sql_rate",
    "gateway_select_p50",
    "hot_8_rate",
    "hot_http_rate",
    "session_payouts_p95",
    "webhook_rate",
)
SIZES = (10_000, 100_000, 1_000_000)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit, and the part of it that one registered user needs in the busiest hour."""

    name: str
    capacity: float
    per_user: float
    unit: str

    @property
    def users(self) -> float:
        """Return the number of registered users at which the limit is reached."""
        return self.capacity / self.per_user


def rates_of(users: float) -> dict[str, float]:
    """Return what happens in a second of the busiest hour."""
    assumed = {key: each.value for key, each in ASSUMED.items()}
    online = users * assumed["online"]
    sales = users * assumed["sales"] * assumed["peak_share"] / 3600
    bids = online * assumed["bids"]
    return {
        "users online": online,
        "REST reads": online * assumed["reads"],
        "calls of /api": online * assumed["api"],
        "bids": bids,
        "channel joins": online * assumed["joins"],
        "Realtime messages": bids * assumed["watchers"] * assumed["messages"],
        "closes and sales": sales,
        "webhooks": sales * assumed["events"],
        "calls of Stripe": sales * assumed["stripe_calls"],
    }


def cores_of(users: float, measured: Mapping[str, float]) -> dict[str, float]:
    """Return the cores that Postgres and the service use, from the measured costs.

    A simple read counts with its whole time at the gateway. A webhook counts with both cores of the
    bench's machine for service and Postgres each. Both use less. Reads that search or join many
    rows, and the rounds of the `countdown` job, are left out: they depend on the market.
    """
    rates = rates_of(users)
    webhooks = rates["webhooks"] * BENCH_CORES / measured["webhook_rate"]
    return {
        "Postgres": rates["REST reads"] * measured["gateway_select_p50"] / 1000
        + rates["bids"] * measured["bid_sql_mean"] / 1000
        + rates["closes and sales"] / measured["close_sql_rate"]
        + webhooks,
        "service": rates["calls of /api"] * measured["session_payouts_p95"] / 1000 + webhooks,
    }


def limits_of(measured: Mapping[str, float]) -> Sequence[Limit]:
    """Return the limits, the one that breaks first at the top."""
    limits = [*_postgres_limits(measured), *_realtime_limits(), *_process_limits(measured)]
    return sorted(limits, key=lambda limit: limit.users)


def _postgres_limits(measured: Mapping[str, float]) -> Sequence[Limit]:
    # A busy call holds one connection, and one core at most.
    per_user = cores_of(1, measured)["Postgres"]
    return [
        *(
            Limit(
                name=f"Postgres on compute size {name}, half of its cores, without searches",
                capacity=cores * ASSUMED["busy"].value,
                per_user=per_user,
                unit="cores",
            )
            for name, cores, _, _ in (COMPUTE[1], COMPUTE[-1])
        ),
        Limit(
            name="half of the connections of compute size Large, the rest is for Supabase",
            capacity=COMPUTE[1][2] / 2,
            per_user=per_user,
            unit="connections",
        ),
    ]


def _realtime_limits() -> Sequence[Limit]:
    one = rates_of(1)
    return [
        Limit(
            name="Realtime connections of the Team plan",
            capacity=REALTIME_CONNECTIONS,
            per_user=one["users online"],
            unit="connections",
        ),
        Limit(
            name="Realtime messages of the Team plan",
            capacity=REALTIME_MESSAGES,
            per_user=one["Realtime messages"],
            unit="messages/s",
        ),
        Limit(
            name="Realtime joins of the Team plan",
            capacity=REALTIME_JOINS,
            per_user=one["channel joins"],
            unit="joins/s",
        ),
    ]


def _process_limits(measured: Mapping[str, float]) -> Sequence[Limit]:
    one = rates_of(1)
    return [
        Limit(
            name=f"one container of the service, half of its {BENCH_CORES} cores",
            capacity=BENCH_CORES * ASSUMED["busy"].value,
            per_user=cores_of(1, measured)["service"],
            unit="cores",
        ),
        Limit(
            name="Stripe's API",
            capacity=STRIPE_CALLS,
            per_user=one["calls of Stripe"],
            unit="calls/s",
        ),
        Limit(
            name="one process of workers that closes auctions",
            capacity=measured["close_sql_rate"],
            per_user=one["closes and sales"],
            unit="closes/s",
        ),
    ]


def compute_size(cores: float) -> str:
    """Return the smallest dedicated compute size that leaves enough cores idle."""
    needed = cores / ASSUMED["busy"].value
    dedicated = COMPUTE[1:]
    return next((name for name, has, _, _ in dedicated if has >= needed), "more than 16XL")


def assumptions_table() -> str:
    """Return the assumptions as Markdown."""
    rows = [f"| {each.text} | {each.value:.4g} |" for each in ASSUMED.values()]
    return "\n".join(["| assumption about the busiest hour | value |", "|---|---|", *rows])


def demand_table(measured: Mapping[str, float]) -> str:
    """Return the load at each number of users as Markdown."""
    columns = [rates_of(users) for users in SIZES]
    rows = [
        f"| {name}{'' if name == 'users online' else ' a second'} | "
        + " | ".join(_number(column[name]) for column in columns)
        + " |"
        for name in columns[0]
    ]
    cores = [cores_of(users, measured) for users in SIZES]
    rows += [
        f"| cores that {part} uses | " + " | ".join(_number(each[part]) for each in cores) + " |"
        for part in cores[0]
    ]
    sizes = [compute_size(each["Postgres"]) for each in cores]
    rows.append(f"| compute size | {' | '.join(sizes)} |")
    heading = " | ".join(f"{users:,} users" for users in SIZES)
    return "\n".join([f"| load | {heading} |", "|---|" + "--:|" * len(SIZES), *rows])


def limits_table(measured: Mapping[str, float]) -> str:
    """Return the order in which the limits are reached as Markdown."""
    rows = [
        f"| {number} | {limit.name} | {_number(limit.capacity)} {limit.unit} | "
        f"{_number(float(f'{limit.users:.2g}'))} |"
        for number, limit in enumerate(limits_of(measured), 1)
    ]
    heading = "| order | limit | capacity | reached at registered users |"
    return "\n".join([heading, "|--:|---|--:|--:|", *rows])


def _number(value: float) -> str:
    """Write large numbers without decimals, and small ones with two digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"  # noqa: PLR2004 -- three digits


def auction_table(measured: Mapping[str, float]) -> str:
    """Return the limits of a single auction as Markdown; the number of users changes none."""
    watched = 5.0
    messages = ASSUMED["messages"].value
    rows = [
        ("bids for one auction, SQL", f"{measured['hot_8_rate']:,.0f} bids/s"),
        ("bids for one auction over HTTP, devstack", f"{measured['hot_http_rate']:,.0f} bids/s"),
        (
            f"watchers of one auction with {watched:g} bids a second, Team plan",
            f"{REALTIME_MESSAGES / (watched * messages):,.0f} watchers",
        ),
        (
            "watchers of one auction, if each gets one broadcast a second instead",
            f"{REALTIME_MESSAGES:,} watchers",
        ),
        ("auctions that pg_cron alone closes", f"{1000 / 10:,.0f} auctions/s"),
    ]
    return "\n".join(
        ["| limit of one auction or job | value |", "|---|--:|"]
        + [f"| {name} | {value} |" for name, value in rows]
    )
