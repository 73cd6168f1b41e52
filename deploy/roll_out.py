"""Roll a release out to Docker hosts over SSH, or restore the previous one when it fails.

    python deploy/roll_out.py TAG --image IMAGE --known-hosts FILE USER@HOST …

A host keeps each release in a folder of its own, below `aussie-market/` in the home of the SSH
user: `releases/TAG/` with compose.yaml and the proxy's configuration, the link `current`, and
`market.env` with the settings. An operator writes `market.env`; this program never reads it.

All hosts fetch the image before the first one starts it, so a failed fetch changes nothing. When a
start fails, the hosts after it are left alone, and the hosts that were changed get their previous
release back.
"""

import argparse
import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


ROOT = Path(__file__).parents[1]
FOLDER = "aussie-market"
FILES = ("compose.yaml", "deploy/proxy.conf")
HEALTHY_WITHIN_S = 120
#: The longest time of one command on a host; fetching an image may take some minutes.
COMMAND_S = 900
COMPOSE = "docker compose --env-file ../../market.env --env-file release.env"
START = f"{COMPOSE} up --detach --wait --wait-timeout {HEALTHY_WITHIN_S} --remove-orphans"
RELEASE = re.compile(r"releases/[\w.-]+")


class RollOutError(Exception):
    """A host could not do its step; the message names both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A Docker host, and the options of each SSH connection to it."""

    name: str
    ssh: Sequence[str]

    def run(self, step: str, command: str, given: bytes = b"") -> str:
        """Run a command on the host; return its output.

        Raises:
            RollOutError: the command failed, took too long, or the host was not reached.

        """
        try:
            done = subprocess.run(
                [*self.ssh, "--", self.name, command],
                check=True,
                input=given,
                stdout=subprocess.PIPE,
                timeout=COMMAND_S,
            )
        except subprocess.CalledProcessError as error:
            raise RollOutError(f"{self.name}: {step} failed (exit {error.returncode})") from error
        except subprocess.TimeoutExpired as error:
            raise RollOutError(f"{self.name}: {step} took too long") from error
        return done.stdout.decode(errors="replace").strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Roll out as the command line says; return the exit status."""
    given = _parser().parse_args(arguments)
    hosts = [Host(name=name, ssh=_ssh(given.known_hosts, given.identity)) for name in given.hosts]
    try:
        roll_out(hosts, tag=given.tag, image=given.image)
    except RollOutError as error:
        say(f"failed: {error}")
        return 1
    say(f"{given.tag} runs on {len(hosts)} hosts")
    return 0


def roll_out(hosts: Sequence[Host], *, tag: str, image: str) -> None:
    """Prepare all hosts, then start the release on one after the other.

    Raises:
        RollOutError: a step failed; each changed host has its previous release again, or the log
            names the host that has not.

    """
    previous = {host.name: _prepare(host, tag, _bundle(tag, image)) for host in hosts}
    changed: list[Host] = []
    try:
        for host in hosts:
            changed.append(host)
            _start(host, f"releases/{tag}")
    except RollOutError:
        for host in reversed(changed):
            _restore(host, previous[host.name])
        raise


def _prepare(host: Host, tag: str, bundle: bytes) -> str:
    """Send the release and fetch its image; return the release that runs now, or nothing."""
    say(f"{host.name}: fetch {tag}")
    previous = host.run("reading the current release", f"readlink {FOLDER}/current || true")
    if previous and not RELEASE.fullmatch(previous):
        raise RollOutError(f"{host.name}: {FOLDER}/current names no release")
    host.run("finding market.env", f"test -r {FOLDER}/market.env")
    place = f"{FOLDER}/releases/{tag}"
    host.run("sending the release", f"mkdir -p {place} && tar -x -f - -C {place}", bundle)
    host.run("docker compose pull", f"cd {place} && {COMPOSE} pull --quiet")
    return previous


def _start(host: Host, release: str) -> None:
    say(f"{host.name}: start {release}")
    host.run("docker compose up", f"cd {FOLDER}/{release} && {START}")
    host.run("marking the release", f"ln -sfn {release} {FOLDER}/current")


def _restore(host: Host, previous: str) -> None:
    """Start the previous release. A host that cannot do it must not keep the others from theirs."""
    if not previous:
        say(f"{host.name}: has no previous release, so the failed one stays for a look")
        return
    try:
        _start(host, previous)
    except RollOutError as error:
        say(f"not restored: {error}")


def _bundle(tag: str, image: str) -> bytes:
    """Return the files of a release as a tar archive."""
    settings = f"IMAGE={image}\nTAG={tag}\nMARKET_ENV=../../market.env\n"
    texts = {name: (ROOT / name).read_bytes() for name in FILES}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in {**texts, "release.env": settings.encode()}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return archive.getvalue()


def _ssh(known_hosts: Path, identity: Path | None) -> list[str]:
    options = [
        "BatchMode=yes",
        # A host whose key we do not know may be an impostor.
        "StrictHostKeyChecking=yes",
        f"UserKnownHostsFile={known_hosts}",
        "GlobalKnownHostsFile=/dev/null",
        "ConnectTimeout=10",
        "ServerAliveInterval=15",
        "ServerAliveCountMax=4",
    ]
    if identity is not None:
        options += ["IdentitiesOnly=yes", f"IdentityFile={identity}"]
    return ["ssh", *(part for option in options for part in ("-o", option))]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="roll_out.py", description=(__doc__ or "").splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("tag", type=_matching(r"[0-9A-Za-z_][\w.-]{0,127}"), help="of the image")
    parser.add_argument("hosts", nargs="+", type=_matching(r"([\w.-]+@)?\w[\w.-]*"))
    parser.add_argument("--image", required=True, type=_matching(r"\w[\w./:-]*"))
    parser.add_argument("--known-hosts", required=True, type=_file, help="the keys of the hosts")
    parser.add_argument(
        "--identity", type=_file, help="the private key; else that of the SSH agent"
    )
    return parser


def _matching(pattern: str) -> Callable[[str], str]:
    """Return a check of an argument. It becomes a part of commands, so it may hold no syntax."""

    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise argparse.ArgumentTypeError(f"{text!r} has a character that is not allowed")
        return text

    return checked


def _file(text: str) -> Path:
    path = Path(text).absolute()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} is no file")
    return path


def say(text: str) -> None:
    """Write a line of progress."""
    print(f"roll-out: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
