"""`deploy/roll_out.py` with programs named ssh and docker that record their arguments and may fail.

The ssh of the tests runs the command in a folder that stands for the home on the host.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy import roll_out
from devstack.paths import ROOT


SSH = r"""#!/bin/sh
{ printf ssh; printf '\t%s' "$@"; echo; } >> "$RECORD"
while [ "$1" != -- ]; do shift; done
cd "$HOMES/$2" || exit 255
exec sh -c "$3"
"""
DOCKER = r"""#!/bin/sh
{ printf 'docker\t%s' "${PWD#"$HOMES"/}"; printf '\t%s' "$@"; echo; } >> "$RECORD"
for failure in $FAILURES; do
  case "${PWD#"$HOMES"/} $*" in
    "${failure%:*} "*" ${failure##*:} "*) exit 1 ;;
  esac
done
"""
SECRET = "whsec_never_shown"
IMAGE = "ghcr.io/shop/aussie-market"
FIRST, SECOND = "deploy@one.test", "deploy@two.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Two hosts, on which release `old` runs."""

    folder: Path
    patch: pytest.MonkeyPatch
    output: pytest.CaptureFixture[str]

    def roll_out(
        self, tag: str, *failures: tuple[str, str, str], hosts: tuple[str, ...] = (FIRST, SECOND)
    ) -> tuple[int, str]:
        """Run the program; a failure is a host, a release and the verb of docker compose.

        Return the exit status and all that it prints.
        """
        texts = [f"{host}/aussie-market/releases/{tag}:{verb}" for host, tag, verb in failures]
        self.patch.setenv("FAILURES", " ".join(texts))
        options = ["--image", IMAGE, "--known-hosts", str(self.folder / "known_hosts")]
        try:
            status = roll_out.main([*options, "--", tag, *hosts])
        except SystemExit as end:
            status = int(end.code or 0)
        return status, "".join(self.output.readouterr())

    def calls(self, program: str) -> list[list[str]]:
        """Return the arguments of each call of a program, in order."""
        calls = [line.split("\t") for line in self.record.splitlines()]
        return [arguments for name, *arguments in calls if name == program]

    @property
    def record(self) -> str:
        """Return all that the programs recorded."""
        path = self.folder / "record"
        return path.read_text() if path.exists() else ""

    def verbs(self) -> list[tuple[str, str, str]]:
        """Return host, release and verb of each call of docker."""
        return [
            (place.split("/")[0], place.split("/")[-1], "up" if "up" in arguments else "pull")
            for place, *arguments in self.calls("docker")
        ]

    def current(self, host: str) -> str:
        """Return the release that a host calls its current one."""
        return str((self.folder / "homes" / host / "aussie-market/current").readlink())


@pytest.fixture
def fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Fleet:
    (tmp_path / "bin").mkdir()
    for name, text in {"ssh": SSH, "docker": DOCKER}.items():
        path = tmp_path / "bin" / name
        path.write_text(text)
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("HOMES", str(tmp_path / "homes"))
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    (tmp_path / "known_hosts").touch()
    for host in (FIRST, SECOND):
        folder = tmp_path / "homes" / host / "aussie-market"
        (folder / "releases/old").mkdir(parents=True)
        (folder / "current").symlink_to("releases/old")
        (folder / "market.env").write_text(f"STRIPE_WEBHOOK_SECRETS={SECRET}\n")
    return Fleet(folder=tmp_path, patch=monkeypatch, output=capfd)


def test_release_is_rolled_out(fleet: Fleet) -> None:
    """All hosts fetch the image first; then one after the other starts it."""
    status, said = fleet.roll_out("new")

    assert 0 == status, said
    assert [
        (FIRST, "new", "pull"),
        (SECOND, "new", "pull"),
        (FIRST, "new", "up"),
        (SECOND, "new", "up"),
    ] == fleet.verbs()
    assert ["releases/new"] * 2 == [fleet.current(host) for host in (FIRST, SECOND)]


def test_host_gets_the_files_of_the_release(fleet: Fleet) -> None:
    """Configuration and image are of one release, and the settings stay where they are."""
    fleet.roll_out("new")

    release = fleet.folder / "homes" / FIRST / "aussie-market/releases/new"
    assert (ROOT / "compose.yaml").read_text() == (release / "compose.yaml").read_text()
    assert (ROOT / "deploy/proxy.conf").read_text() == (release / "deploy/proxy.conf").read_text()
    assert f"IMAGE={IMAGE}\nTAG=new\n" in (release / "release.env").read_text()
    [up] = [call for call in fleet.calls("docker") if call[0].startswith(FIRST) and "up" in call]
    assert ["compose", "--env-file", "../../market.env", "--env-file", "release.env"] == up[1:6]
    assert {"--detach", "--wait"} <= set(up)


@pytest.mark.parametrize("host", [FIRST, SECOND])
def test_failed_fetch_changes_nothing(fleet: Fleet, host: str) -> None:
    """No host starts a release that another one cannot get."""
    status, said = fleet.roll_out("new", (host, "new", "pull"))

    assert 1 == status
    assert f"{host}: docker compose pull failed" in said
    assert "up" not in {verb for _, _, verb in fleet.verbs()}
    assert ["releases/old"] * 2 == [fleet.current(name) for name in (FIRST, SECOND)]


def test_unhealthy_first_host_gets_the_previous_release(fleet: Fleet) -> None:
    """An unhealthy first host gets its previous release, and the second host does not change."""
    status, _ = fleet.roll_out("new", (FIRST, "new", "up"))

    assert 1 == status
    assert [(FIRST, "new", "up"), (FIRST, "old", "up")] == fleet.verbs()[2:]
    assert ["releases/old"] * 2 == [fleet.current(name) for name in (FIRST, SECOND)]


def test_unhealthy_second_host_brings_both_back(fleet: Fleet) -> None:
    """After an unhealthy second host both hosts get their previous release."""
    status, _ = fleet.roll_out("new", (SECOND, "new", "up"))

    assert 1 == status
    assert [(SECOND, "old", "up"), (FIRST, "old", "up")] == fleet.verbs()[4:]
    assert ["releases/old"] * 2 == [fleet.current(name) for name in (FIRST, SECOND)]


def test_host_that_cannot_be_restored_is_named(fleet: Fleet) -> None:
    """A host that cannot be restored is named, and the others are restored."""
    status, said = fleet.roll_out("new", (SECOND, "new", "up"), (SECOND, "old", "up"))

    assert 1 == status
    assert f"not restored: {SECOND}" in said
    assert (FIRST, "old", "up") == fleet.verbs()[-1]
    assert "releases/old" == fleet.current(FIRST)


def test_first_roll_out_has_nothing_to_restore(fleet: Fleet) -> None:
    """A new host keeps the containers of the failed release, so that somebody can look at them."""
    (fleet.folder / "homes" / FIRST / "aussie-market/current").unlink()

    status, said = fleet.roll_out("new", (FIRST, "new", "up"))

    assert 1 == status
    assert f"{FIRST}: has no previous release" in said
    assert (FIRST, "new", "up") == fleet.verbs()[-1]


def test_unreachable_host_stops_the_roll_out(fleet: Fleet) -> None:
    """An address without a host behind it is found before anything starts."""
    status, said = fleet.roll_out("new", hosts=(FIRST, "deploy@gone.test"))

    assert 1 == status
    assert "deploy@gone.test: reading the current release failed (exit 255)" in said
    assert "up" not in {verb for _, _, verb in fleet.verbs()}


def test_host_without_settings_is_named(fleet: Fleet) -> None:
    """A host without settings is named before its processes start."""
    (fleet.folder / "homes" / SECOND / "aussie-market/market.env").unlink()

    _, said = fleet.roll_out("new")

    assert f"{SECOND}: finding market.env failed" in said


def test_keys_of_hosts_are_checked(fleet: Fleet) -> None:
    """An unknown key ends a connection, and nothing is asked at a terminal."""
    fleet.roll_out("new")

    assert fleet.calls("ssh")
    for arguments in fleet.calls("ssh"):
        assert "StrictHostKeyChecking=yes" in arguments
        assert "BatchMode=yes" in arguments
        assert f"UserKnownHostsFile={fleet.folder / 'known_hosts'}" in arguments
        assert "GlobalKnownHostsFile=/dev/null" in arguments


@pytest.mark.parametrize("failures", [[], [(FIRST, "new", "up")]], ids=["success", "failure"])
def test_no_secret_is_shown(fleet: Fleet, failures: list[tuple[str, str, str]]) -> None:
    """No secret appears in an argument or in the log."""
    _, said = fleet.roll_out("new", *failures)

    assert SECRET not in fleet.record + said


@pytest.mark.parametrize(
    ("tag", "host"),
    [("new;reboot", FIRST), ("../new", FIRST), ("new", "-oProxyCommand=reboot"), ("new", "a b")],
)
def test_syntax_in_an_argument_is_refused(fleet: Fleet, tag: str, host: str) -> None:
    """An argument with shell syntax is refused, because it becomes part of a command."""
    status, _ = fleet.roll_out(tag, hosts=(host,))

    assert 2 == status
    assert "" == fleet.record
