"""The arithmetic of docs/scaling.md, and the parts of documents that hold measured figures."""

import json
from pathlib import Path

import pytest

from bench import publication, scaling


MEASURED = {
    "bid_sql_mean": 1.0,
    "close_sql_rate": 1000.0,
    "gateway_select_p50": 1.0,
    "hot_8_rate": 1000.0,
    "hot_http_rate": 500.0,
    "session_payouts_p95": 10.0,
    "webhook_rate": 400.0,
}


def test_load_grows_with_the_users() -> None:
    """The load grows in proportion to the number of users."""
    few, many = scaling.rates_of(1_000), scaling.rates_of(1_000_000)

    assert {name: pytest.approx(1000 * rate) for name, rate in few.items()} == many


def test_limits_are_in_the_order_in_which_they_break() -> None:
    """At its number of users, the load is the capacity."""
    limits = scaling.limits_of(MEASURED)

    assert sorted(limit.users for limit in limits) == [limit.users for limit in limits]
    first = limits[0]
    assert pytest.approx(first.capacity) == first.per_user * first.users


def test_dearer_bids_need_more_cores() -> None:
    """A higher measured cost of a bid needs more cores."""
    dear = MEASURED | {"bid_sql_mean": 2.0}
    bids = scaling.rates_of(1_000_000)["bids"]

    more = scaling.cores_of(1_000_000, dear)["Postgres"]
    less = scaling.cores_of(1_000_000, MEASURED)["Postgres"]
    assert pytest.approx(bids / 1000) == more - less


@pytest.mark.parametrize(
    ("cores", "size"), [(0.1, "Large"), (1.5, "XL"), (32, "16XL"), (33, "more than 16XL")]
)
def test_compute_size_leaves_half_of_the_cores_idle(cores: float, size: str) -> None:
    """The smallest size with dedicated cores is enough for little load."""
    assert size == scaling.compute_size(cores)


@pytest.mark.parametrize("page", [publication.README, publication.SCALING])
def test_documents_show_the_published_figures(page: Path) -> None:
    """`python -m bench --write-docs` wrote every figure, and nobody has changed one since."""
    assert publication.filled(page.read_text(), publication.read_results()) == page.read_text()


@pytest.mark.parametrize(("is_whole", "keys"), [(False, ["old", "new"]), (True, ["new"])])
def test_run_of_some_subjects_replaces_its_figures_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_whole: bool, keys: list[str]
) -> None:
    """Only a run of all subjects drops figures that it does not have."""
    monkeypatch.setattr(scaling, "USED", ())
    monkeypatch.setattr(publication, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(publication, "README", tmp_path / "README.md")
    monkeypatch.setattr(publication, "SCALING", tmp_path / "scaling.md")
    for page in ("README.md", "scaling.md"):
        (tmp_path / page).write_text("No table.\n")
    publication.RESULTS.write_text(json.dumps({"figures": [{"key": "old"}, {"key": "new"}]}))
    report = {
        "is_whole": is_whole,
        "taken_at": "2026-01-01T00:00:00",
        "machine": "a machine",
        "figures": [{"key": "new", "value": 1, "samples": [1, 2], "points": []}],
    }
    (tmp_path / "figures.json").write_text(json.dumps(report))

    publication.publish(tmp_path / "figures.json")

    figures = publication.read_results()
    assert keys == [figure["key"] for figure in figures]
    run = {"taken_at": "2026-01-01", "machine": "a machine"}
    assert {"key": "new", "value": 1} | run == figures[-1]
