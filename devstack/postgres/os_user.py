"""The OS user that runs Postgres, which refuses to run as root."""

import dataclasses
import os
import pwd
import stat
from pathlib import Path
from typing import Any

from devstack.errors import DevstackError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OsUser:
    """The user that Postgres runs as when we are root."""

    name: str
    uid: int
    gid: int


def server_user() -> OsUser | None:
    """Return the user that runs Postgres instead of root, or None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return OsUser(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise DevstackError("Postgres refuses to run as root, and no user postgres or nobody exists.")


def run_options(user: OsUser | None) -> dict[str, Any]:
    """Return the arguments of `subprocess` for a program of Postgres."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": "/"}
    if user is None:
        return {"cwd": "/", "env": environment | {"HOME": os.environ.get("HOME", "/")}}
    return {
        "cwd": "/",
        "env": environment,
        "user": user.uid,
        "group": user.gid,
        "extra_groups": [],
    }


def can_reach(user: OsUser | None, path: Path) -> bool:
    """Return true if `user` may enter every folder down to `path`, and read it."""
    if user is None:
        return os.access(path, os.R_OK)
    path = path.resolve()
    return all(_allows(user, folder, 0o1) for folder in path.parents) and _allows(
        user, path, 0o5 if path.is_dir() else 0o4
    )


def _allows(user: OsUser, path: Path, wanted: int) -> bool:
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid == user.uid:
        mode >>= 6
    elif status.st_gid == user.gid:
        mode >>= 3
    return mode & wanted == wanted
