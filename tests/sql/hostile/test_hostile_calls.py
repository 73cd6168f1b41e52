"""Hostile calls of every RPC by everyone: a documented answer, and no trace of a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import answers
from tests.sql.access.world import FORBIDDEN
from tests.sql.hostile.callers import COUNTERS, PROMISED, TRACES, Answer, Callers, is_raised_inside
from tests.sql.hostile.rpcs import RPCS, Rpc
from tests.sql.hostile.values import CLIENT_IDS, arguments, fitting
from tests.support.fuzzing import fuzzed


OF_PEOPLE = [rpc for rpc in RPCS if rpc.callers - {"service_role"}]
OF_PROCESSES = [rpc for rpc in RPCS if rpc not in OF_PEOPLE]
#: The argument by which a caller repeats a call.
CLIENT_ID = {
    rpc.name: argument
    for rpc in OF_PEOPLE
    for argument in rpc.arguments
    if argument.startswith("client_")
}
REPEATABLE = [rpc for rpc in OF_PEOPLE if rpc.name in CLIENT_ID]
#: The arguments by which our processes say who asks. Stripe's events have texts of these names.
USERS = {("user_id", "uuid"), ("buyer_id", "uuid")}
OF_A_USER = [rpc for rpc in OF_PROCESSES if USERS & rpc.arguments.items()]


def check(rpc: Rpc, answer: Answer, *, is_granted: bool) -> None:
    """Fail unless an answer or error is documented, and a refusal has changed nothing."""
    if answer.sqlstate is None:
        assert is_granted, f"{rpc} answered a caller whose role may not execute it"
        _check_value(rpc, answer)
    elif not is_granted:
        assert (FORBIDDEN, f"permission denied for function {rpc}") == (
            answer.sqlstate,
            answer.message,
        )
    elif (rpc.name, answer.sqlstate) in PROMISED:
        assert answer.message.startswith(PROMISED[rpc.name, answer.sqlstate])
    elif answer.sqlstate.startswith("PT4"):
        assert answer.message in rpc.codes
    else:
        # A value of the body does not fit its argument, or has more levels than Postgres reads.
        text = f"{answer.sqlstate} {answer.message}\n{answer.context}"
        assert rpc in OF_PROCESSES or not is_raised_inside(answer), text
        assert answer.sqlstate.startswith("22") or answer.sqlstate == "54001", text


def _check_value(rpc: Rpc, answer: Answer) -> None:
    answers.check(rpc.name, answer.value)
    if answer.is_refusal:
        code = answer.value["code"]
        assert code in rpc.codes
        assert set() == answer.changed.keys() - COUNTERS - TRACES.get((rpc.name, code), set())


def test_every_function_is_called(callers: Callers) -> None:
    """Each RPC of docs/api.md is called."""
    assert {rpc.name for rpc in RPCS} == callers.functions()


@pytest.mark.parametrize("rpc", OF_PEOPLE, ids=str)
@fuzzed(4)
@given(data=st.data())
def test_people_get_documented_answers(callers: Callers, rpc: Rpc, data: st.DataObject) -> None:
    """Each caller sends the same drawn arguments and gets a documented answer."""
    sent = data.draw(arguments(rpc))
    for caller in callers.names:
        with callers.undone():
            answer = callers.call(caller, rpc, sent)

        check(rpc, answer, is_granted=callers.role(caller) in rpc.callers)


@pytest.mark.parametrize("rpc", OF_PROCESSES, ids=str)
@fuzzed(8)
@given(data=st.data())
def test_processes_get_documented_answers(callers: Callers, rpc: Rpc, data: st.DataObject) -> None:
    """Our processes pass on drawn arguments of Stripe and of users, and get a documented answer."""
    sent = data.draw(arguments(rpc))
    with callers.undone():
        answer = callers.call("service", rpc, sent)

    check(rpc, answer, is_granted=True)


@pytest.mark.parametrize("rpc", REPEATABLE, ids=str)
@fuzzed(4)
@given(data=st.data())
def test_client_id_has_one_effect(callers: Callers, rpc: Rpc, data: st.DataObject) -> None:
    """A second call with the id of a success changes nothing, whatever else it sends.

    Our own processes have no receipts: a call of theirs has a key of its own.
    """
    caller = data.draw(st.sampled_from(sorted({*callers.names} - {"service"})))
    own_id = {CLIENT_ID[rpc.name]: CLIENT_IDS[0]}
    first, second = (data.draw(arguments(rpc)) | own_id for _ in range(2))
    with callers.undone():
        once = callers.call(caller, rpc, first)
        again = callers.call(caller, rpc, second, after=once)

    check(rpc, again, is_granted=callers.role(caller) in rpc.callers)
    if once.sqlstate is None and not once.is_refusal and again.sqlstate is None:
        assert set() == again.changed.keys() - COUNTERS


@pytest.mark.parametrize("rpc", OF_PEOPLE, ids=str)
@fuzzed(2)
@given(data=st.data())
def test_callers_without_a_profile_change_nothing(
    callers: Callers, rpc: Rpc, data: st.DataObject
) -> None:
    """A token without a profile or without a user changes nothing."""
    sent = data.draw(fitting(rpc))
    for caller in ("nameless", "unknown", "deleted", "anon"):
        with callers.undone():
            answer = callers.call(caller, rpc, sent)

        assert set() == answer.changed.keys() - COUNTERS


@pytest.mark.parametrize("rpc", OF_A_USER, ids=str)
@fuzzed(2)
@given(data=st.data())
def test_nobody_is_no_party(callers: Callers, rpc: Rpc, data: st.DataObject) -> None:
    """A null user id is refused, and is no party of anything."""
    nobody = {argument: None for argument, _ in USERS & rpc.arguments.items()}
    with callers.undone():
        answer = callers.call("service", rpc, data.draw(fitting(rpc)) | nobody)

    assert answer.sqlstate is not None or answer.is_refusal or not answer.changed.keys() - COUNTERS
