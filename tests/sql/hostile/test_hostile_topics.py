"""Drawn topics: only those of the web app can be joined, and no client sends to any."""

import re
import string

from hypothesis import example, given
from hypothesis import strategies as st

from tests.sql.hostile.callers import Callers
from tests.support.fuzzing import fuzzed


ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
KINDS = (
    "auction:", "auction-", "order-", "thread-", "user-threads-", "user-orders-", "dispute-",
    "dispute-messages-", "dispute-evidence-",
)  # fmt: skip
OPEN = re.compile(f"notifications|({'|'.join(KINDS)}){ID}")
FORMS = (
    "{}", "{}\n", "\n{}", " {}", "{} ", "{}/", "{}:x", "{}-x", "{}%00", "{}%", "x{}", "realtime:{}",
    "{}\u200b", "\ufeff{}", "{}\r\nauction:", "{}|notifications", "({})?", "{},notifications",
)  # fmt: skip
UUIDS = st.uuids().map(str)
NEARLY = st.text(string.hexdigits + "-:%_*", max_size=40)
VALID = st.one_of(st.builds("{}{}".format, st.sampled_from(KINDS), UUIDS), st.just("notifications"))
CHANGES = (str.upper, str.title, str.swapcase, lambda text: text.replace("-", "_"))
TOPICS = st.one_of(
    VALID,
    st.builds(str.format, st.sampled_from(FORMS), VALID),
    st.builds(lambda text, change: change(text), VALID, st.sampled_from(CHANGES)),
    st.builds("{}{}".format, st.sampled_from(KINDS), NEARLY),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60),
)


@fuzzed(20)
@given(TOPICS, st.sampled_from(("broadcast", "presence")))
@example("notifications", "presence")
def test_topics_are_exactly_those_of_the_web_app(
    callers: Callers, topic: str, extension: str
) -> None:
    """Every client joins a topic of the web app in its exact spelling, and nobody sends."""
    is_open = extension == "broadcast" and OPEN.fullmatch(topic) is not None
    clients = ("anon", "outsider", "moderator", "unknown")

    assert {is_open} == {callers.receives(name, topic, extension) for name in clients}
    assert {False} == {callers.may_send(name, topic, extension) for name in clients}
