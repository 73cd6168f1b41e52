"""The RPCs that people call, as the catalogue has them."""

import re

from psycopg import Connection


def writing_rpcs(owner: Connection) -> set[str]:
    """Return the names of the RPCs that a signed-in user may call and that may write."""
    query = """
      select proname from pg_proc
      where pronamespace = 'public'::regnamespace and provolatile = 'v'
        and has_function_privilege('authenticated', oid, 'execute')
    """
    return {str(name) for (name,) in owner.execute(query)}


def functions_behind(owner: Connection, rpc: str) -> set[str]:
    """Return the names of the private functions that an RPC reaches."""
    query = "select proname, prosrc from pg_proc where pronamespace = 'private'::regnamespace"
    called = {
        str(name): set(re.findall(r"\bprivate\.(\w+)\(", source))
        for name, source in owner.execute(query)
    }
    found: set[str] = set()
    ahead = {rpc}
    while ahead:
        found |= ahead
        ahead = set().union(*(called.get(name, set()) for name in ahead)) - found
    return found


def staff_rpcs(owner: Connection) -> set[str]:
    """Return the names of the writing RPCs that refuse others than staff."""
    checks = {"refuse_unless_staff", "refuse_unless_admin"}
    return {rpc for rpc in writing_rpcs(owner) if functions_behind(owner, rpc) & checks}
