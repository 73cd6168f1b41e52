"""`/metrics` of a running service and of running workers."""

import dataclasses
import json
import re
from collections.abc import Mapping

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from devstack.paths import ROOT
from devstack.supervisor.ports import free_port
from market import metrics
from tests.integration.service.shop import Shop


pytestmark = pytest.mark.xdist_group("stack")

MONITORING = ROOT / "deploy/monitoring"
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
#: A whole run of reconcile sets both.
RECONCILED = (
    "market_webhook_gap_seconds",
    'market_job_last_success_timestamp_seconds{job="reconcile"}',
)
SELECTOR = re.compile(r"\b(market_\w+|slo:[\w:]+|up\b)(?:\{([^}]*)\})?")


def scrape(url: str, token: str) -> str:
    answer = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {token}"})
    assert 200 == answer.status_code
    return answer.text


def shown_by(text: str) -> set[str]:
    """Return each series of a page of metrics."""
    return {line.rpartition(" ")[0] for line in text.splitlines()}


@pytest.fixture(scope="module")
def workers_url(stack: Mapping[str, str]) -> str:
    return f"http://127.0.0.1:{stack['METRICS_PORT']}"


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic {token}", "{token}"])
@pytest.mark.parametrize("program", ["service", "workers"])
def test_metrics_need_the_token(
    stack: Mapping[str, str], workers_url: str, program: str, header: str | None
) -> None:
    """The port of the workers may be open to a network, so it needs the token too."""
    url = workers_url if program == "workers" else stack["SERVICE_URL"]
    headers = {"Authorization": header.format(token=stack["METRICS_TOKEN"])} if header else {}

    answer = httpx.get(f"{url}/metrics", headers=headers)

    assert 401 == answer.status_code
    assert "market_" not in answer.text


def test_port_of_the_workers_shows_health_alone(workers_url: str) -> None:
    """A supervisor has no token, and no other path answers."""
    assert (200, "") == ((answer := httpx.get(f"{workers_url}/health")).status_code, answer.text)
    assert (200, "") == ((root := httpx.get(f"{workers_url}/")).status_code, root.text)
    assert 404 == httpx.get(f"{workers_url}/metrics/x").status_code
    assert 501 == httpx.post(f"{workers_url}/metrics").status_code


def test_port_is_free_again_afterwards() -> None:
    """The port is free again when the block ends."""
    port = free_port()

    with metrics.serving("127.0.0.1", port, "secret"):
        assert "market_alerts_total" in scrape(f"http://127.0.0.1:{port}", "secret")

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShownMetrics:
    """The metrics of the running service and workers."""

    names: frozenset[str]
    samples: tuple[Sample, ...]

    def has(self, name: str, matchers: str) -> bool:
        """Return true if a sample has a name, and labels that match a selector of PromQL."""
        return any(
            sample.name == name
            and all(matches(sample, *matcher) for matcher in MATCHER.findall(matchers))
            for sample in self.samples
        )


def matches(sample: Sample, label: str, operator: str, value: str) -> bool:
    given = sample.labels.get(label, "")
    is_equal = re.fullmatch(value, given) if "~" in operator else given == value
    return bool(is_equal) is not operator.startswith("!")


@pytest.fixture(scope="module")
def shown(stack: Mapping[str, str], workers_url: str, shop: Shop) -> ShownMetrics:
    """Cause each kind of request once, and wait until reconcile has read its figures."""
    service, token = stack["SERVICE_URL"], stack["METRICS_TOKEN"]
    httpx.get(f"{service}/api/payouts")
    shop.post(shop.event({"object": "thing"}, type="nobody.handles.this"))
    shop.post(shop.event({"object": "thing"}), secret="whsec_wrong")
    # The first run may fail while the stack starts. The next one is a minute later.
    shop.wait_for(lambda: {*RECONCILED} <= shown_by(scrape(workers_url, token)), 90)
    text = scrape(service, token) + scrape(workers_url, token)
    families = [
        family
        for part in (scrape(service, token), scrape(workers_url, token))
        for family in text_string_to_metric_families(part)
    ]
    samples = tuple(sample for family in families for sample in family.samples)
    declared = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    parts = [f"{name}{part}" for name in declared for part in ("", "_bucket", "_count", "_sum")]
    return ShownMetrics(names=frozenset(parts), samples=samples)


def queries() -> list[str]:
    """Return each query of the rules and of the dashboard."""
    groups = yaml.safe_load((MONITORING / "alert_rules.yml").read_text())["groups"]
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    return [rule["expr"] for group in groups for rule in group["rules"]] + [
        target["expr"] for panel in panels for target in panel.get("targets", ())
    ]


def test_rules_and_dashboard_read_what_is_shown(shown: ShownMetrics) -> None:
    """Each metric in a rule or panel exists, or the rule would never fire."""
    selectors = {found for query in queries() for found in SELECTOR.findall(query)}

    names = {name for name, _ in selectors if name.startswith("market_")}
    assert len(names) > 30
    assert set() == names - shown.names
    assert [] == [
        (name, matchers)
        for name, matchers in sorted(selectors)
        if name in names and matchers and not shown.has(name, matchers)
    ]


def test_rules_and_dashboard_group_by_labels_that_exist(shown: ShownMetrics) -> None:
    """Each label in a query exists, or the query would put all series into one."""
    labels = {label for sample in shown.samples for label in sample.labels} | {"instance"}
    # These appear with their first count only.
    labels |= {"function", "reason", "kind", "outcome", "limit"}

    grouped = {
        label.strip()
        for query in queries()
        for found in re.findall(r"by \(([^)]*)\)", query)
        for label in found.split(",")
    }

    assert set() == grouped - labels


def test_other_names_are_recorded_or_of_prometheus() -> None:
    """Other names come from Prometheus, such as `up`, or are recorded by the rules."""
    groups = yaml.safe_load((MONITORING / "alert_rules.yml").read_text())["groups"]
    recorded = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}

    used = {name for query in queries() for name, _ in SELECTOR.findall(query)}

    assert recorded | {"up"} >= {name for name in used if not name.startswith("market_")}


def test_no_value_of_a_person_is_shown(shown: ShownMetrics, stack: Mapping[str, str]) -> None:
    """No label has an id, an address, an e-mail, a key or a token."""
    values = {value for sample in shown.samples for value in sample.labels.values()}

    private = re.compile(r"[0-9a-f]{8}-|@|evt_|pi_|acct_|sk_|whsec_|sb_|eyJ|\d{1,3}(\.\d{1,3}){3}")
    assert [] == [value for value in values if private.search(value)]
    assert not values & {value for name, value in stack.items() if "KEY" in name or "TOKEN" in name}
