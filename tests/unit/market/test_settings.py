"""`market.settings`: the required variables, and the messages about wrong ones."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from market.errors import SettingsError
from market.settings import Environment, Settings
from tests.support.factories import ENVIRONMENT, make_settings


LIVE = {
    "ENVIRONMENT": "production",
    "STRIPE_SECRET_KEY": "sk_live_1",
    "STRIPE_LIVEMODE": "true",
    "STRIPE_CONNECT_WEBHOOK_SECRETS": "whsec_connect",
}


def sentence_about(changes: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(ENVIRONMENT | changes)
    return caught.value.detail


def test_environment_is_read() -> None:
    """A set variable counts, and an unset optional one has its default."""
    settings = Settings.from_environment(
        ENVIRONMENT
        | {
            "SUPABASE_URL": "https://project.test/",
            "STRIPE_WEBHOOK_SECRETS": "whsec_new, whsec_old",
            "SITE_ORIGINS": "https://Shop.test,http://localhost:5173",
            "TRUSTED_PROXIES": "2",
        }
    )

    assert Environment.DEVELOPMENT == settings.environment
    assert "https://project.test" == settings.supabase_url
    assert ("whsec_new", "whsec_old") == settings.stripe_webhook_secrets
    assert ("https://shop.test", "http://localhost:5173") == settings.site_origins
    assert (2, 300, 604_800) == (
        settings.trusted_proxies,
        settings.webhook_tolerance_s,
        settings.webhook_max_event_age_s,
    )
    assert settings.is_log_json


def test_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the settings come from the process's environment."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    assert "sk_test_1" == Settings.from_environment().stripe_secret_key


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
@pytest.mark.parametrize("value", ["", "  "])
def test_missing_variable_is_named(name: str, value: str) -> None:
    """The message about a missing variable is one sentence with its name."""
    sentence = sentence_about({name: value})

    assert sentence.startswith(f"{name} is missing")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "test"),
        ("SUPABASE_URL", "project.test"),
        ("SUPABASE_URL", "http://:99999"),
        ("SUPABASE_URL", "ftp://project.test"),
        ("SUPABASE_URL", "http://project.test:0"),
        ("STRIPE_API_BASE", "localhost:12111"),
        ("STRIPE_LIVEMODE", "no"),
        ("STRIPE_SECRET_KEY", "pk_test_1"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_1,"),
        ("STRIPE_WEBHOOK_SECRETS", ","),
        ("WEBHOOK_TOLERANCE_S", "0"),
        ("WEBHOOK_TOLERANCE_S", "5m"),
        ("WEBHOOK_FUTURE_S", "-1"),
        ("WEBHOOK_FUTURE_S", "1.5"),
        ("WEBHOOK_MAX_EVENT_AGE_S", "²"),
        ("WEBHOOK_MAX_EVENT_AGE_S", "99999999999"),
        ("SITE_ORIGINS", "shop.test"),
        ("SITE_ORIGINS", "https://shop.test/path"),
        ("SITE_ORIGINS", "https://shop.test,*"),
        ("TRUSTED_PROXIES", "all"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("METRICS_PORT", "65536"),
        ("METRICS_HOST", "http://0.0.0.0"),
        ("STRIPE_CONNECT_WEBHOOK_SECRETS", "whsec_1,,whsec_2"),
    ],
)
def test_malformed_variable_is_named(name: str, value: str) -> None:
    """The message about a malformed value names its variable."""
    assert name in sentence_about({name: value})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_LIVEMODE": "true"}, "STRIPE_SECRET_KEY"),
        ({"STRIPE_SECRET_KEY": "rk_live_1", "STRIPE_LIVEMODE": "true"}, "STRIPE_SECRET_KEY"),
        ({"ENVIRONMENT": "production"}, "STRIPE_SECRET_KEY"),
        ({"STRIPE_LIVEMODE": "true"}, "STRIPE_LIVEMODE"),
        ({"ENVIRONMENT": "staging"}, "STRIPE_CONNECT_WEBHOOK_SECRETS"),
        (LIVE | {"STRIPE_CONNECT_WEBHOOK_SECRETS": ""}, "STRIPE_CONNECT_WEBHOOK_SECRETS"),
        (LIVE | {"STRIPE_LIVEMODE": "false"}, "STRIPE_LIVEMODE"),
        (LIVE | {"STRIPE_API_BASE": "http://localhost:12111"}, "STRIPE_API_BASE"),
        (LIVE | {"WEBHOOK_MAX_EVENT_AGE_S": "259200"}, "WEBHOOK_MAX_EVENT_AGE_S"),
        ({"SUPABASE_SECRET_KEY": "sb_publishable_1"}, "SUPABASE_SECRET_KEY"),
        ({"SUPABASE_PUBLISHABLE_KEY": "sb_secret_1"}, "SUPABASE_PUBLISHABLE_KEY"),
        (
            {"STRIPE_IDENTITY_WEBHOOK_SECRETS": ENVIRONMENT["STRIPE_WEBHOOK_SECRETS"]},
            "STRIPE_IDENTITY_WEBHOOK_SECRETS",
        ),
        (
            {"STRIPE_CONNECT_WEBHOOK_SECRETS": ENVIRONMENT["STRIPE_WEBHOOK_SECRETS"]},
            "STRIPE_CONNECT_WEBHOOK_SECRETS",
        ),
        (
            {"STRIPE_CONNECT_WEBHOOK_SECRETS": ENVIRONMENT["STRIPE_IDENTITY_WEBHOOK_SECRETS"]},
            "STRIPE_CONNECT_WEBHOOK_SECRETS",
        ),
    ],
)
def test_contradiction_is_named(changes: dict[str, str], named: str) -> None:
    """Two variables that contradict each other are refused."""
    assert named in sentence_about(changes)


def test_all_problems_are_in_one_message() -> None:
    """An operator mends everything at once; a wrong variable is named once."""
    sentence = sentence_about(
        {
            "SUPABASE_URL": "",
            "STRIPE_SECRET_KEY": "pk_test_1",
            "STRIPE_LIVEMODE": "maybe",
            "METRICS_PORT": "many",
            "SUPABASE_SECRET_KEY": "sb_publishable_1",
            "STRIPE_CONNECT_WEBHOOK_SECRETS": ENVIRONMENT["STRIPE_WEBHOOK_SECRETS"],
        }
    )

    problems = re.findall(r"([A-Z_]+) (?:is|must|repeats)\b", sentence)
    assert [
        "SUPABASE_URL",
        "STRIPE_LIVEMODE",
        "METRICS_PORT",
        "SUPABASE_SECRET_KEY",
        "STRIPE_SECRET_KEY",
        "STRIPE_CONNECT_WEBHOOK_SECRETS",
    ] == problems
    assert "\n" not in sentence


def test_issuer_is_that_of_the_project_unless_given() -> None:
    """Services may reach Auth by another name than browsers, whose tokens then name that one."""
    given = Settings.from_environment(
        ENVIRONMENT | {"SUPABASE_JWT_ISSUER": "https://id.test/auth/v1"}
    )

    assert "http://project.test:54321/auth/v1" == make_settings().supabase_jwt_issuer
    assert "https://id.test/auth/v1" == given.supabase_jwt_issuer


def test_live_keys_are_for_production() -> None:
    """With live keys the limit of an event's age covers the three days of Stripe's retries."""
    settings = Settings.from_environment(ENVIRONMENT | LIVE | {"WEBHOOK_MAX_EVENT_AGE_S": "259201"})

    assert settings.stripe_livemode


def test_short_memory_of_events_is_fine_in_test_mode() -> None:
    """A short limit of age is accepted in test mode."""
    settings = Settings.from_environment(ENVIRONMENT | {"WEBHOOK_MAX_EVENT_AGE_S": "3600"})

    assert 3600 == settings.webhook_max_event_age_s


class RecordingEnvironment(dict[str, str]):
    """An environment that records the names that were read."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.read_names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        """Record the name, and return its value."""
        self.read_names.add(key)
        return super().get(key, default)


def test_example_documents_every_variable() -> None:
    """The example has a line, and a sentence above it, for each variable."""
    variables = RecordingEnvironment(ENVIRONMENT)
    Settings.from_environment(variables)
    lines = (Path(__file__).parents[3] / ".env.example").read_text().splitlines()

    documented = {
        line.partition("=")[0]
        for above, line in itertools.pairwise(lines)
        if "=" in line and above.startswith("# ")
    }

    assert variables.read_names == documented


def test_secrets_are_not_shown() -> None:
    """The repr of the settings shows no secret."""
    secrets = {
        "SUPABASE_SECRET_KEY": "sb_secret_hidden",
        "SUPABASE_JWT_SECRET": "jwt-hidden",
        "STRIPE_SECRET_KEY": "sk_test_hidden",
        "STRIPE_WEBHOOK_SECRETS": "whsec_hidden",
        "STRIPE_CONNECT_WEBHOOK_SECRETS": "whsec_also_hidden",
        "STRIPE_IDENTITY_WEBHOOK_SECRETS": "whsec_too_hidden",
        "CANARY_TOKEN": "canary-hidden",
        "CRON_SECRET": "cron-hidden",
        "METRICS_TOKEN": "metrics-hidden",
        "PICKUP_PEPPER": "pepper-hidden",
    }

    shown = repr(Settings.from_environment(ENVIRONMENT | secrets))

    assert "hidden" not in shown
