"""`docs/canary.md`: a section for each step, and a row for each planted fault."""

import re

from devstack.paths import ROOT
from tests.canary import steps
from tests.canary.settings import needed
from tests.proof.planted_faults import FAULTS, PatchedFunction, PatchedTree


PAGE = (ROOT / "docs/canary.md").read_text()


def test_each_step_has_a_section() -> None:
    """A finding's link leads to a heading, and no heading explains a step that is gone."""
    headings = {
        f"docs/canary.md#{heading.lower().replace(' ', '-')}"
        for heading in re.findall(r"^### (Step \d+)$", PAGE, re.MULTILINE)
    }

    assert {step.runbook for step in steps.ON_STAGING} == headings


def test_table_lists_the_planted_faults() -> None:
    """Each row names a fault and the steps that it turns red, as the proof expects them."""
    table = PAGE.partition("## Planted faults")[2].partition("## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([\d., ]+) \|$", table, re.MULTILINE)

    assert {fault.name: ", ".join(step.number for step in fault.red) for fault in FAULTS} == dict(
        rows
    )
    assert len(FAULTS) == len(rows)


def test_planted_texts_still_fit() -> None:
    """Each patch changes a text that appears once in its file or function."""
    sql = "\n".join(path.read_text() for path in (ROOT / "sql").rglob("*.sql"))
    plants = [fault.plant for fault in FAULTS]
    trees = [plant.patch for plant in plants if isinstance(plant, PatchedTree)]
    functions = [plant for plant in plants if isinstance(plant, PatchedFunction)]

    assert [] == [patch for patch in trees if not patch.applied(ROOT)]
    for plant in functions:
        body = sql.partition(f"create function private.{plant.function}(")[2].partition("$$;")[0]
        assert 1 == body.count(plant.before), plant


def test_each_variable_is_explained() -> None:
    """The table of settings has all variables of a run on staging."""
    table = PAGE.partition("## Settings")[2].partition("\n\nThe workflow")[0]

    assert set(needed("staging")) == set(re.findall(r"`([A-Z]+_[A-Z_]+)`", table)) - {
        "STRIPE_WEBHOOK_SECRETS"
    }


def test_production_takes_steps_that_staging_takes_too() -> None:
    """Each step on production also runs on staging."""
    assert set(steps.ON_PRODUCTION) <= set(steps.ON_STAGING)
    assert len(steps.ON_STAGING) == len({step.number for step in steps.ON_STAGING})
