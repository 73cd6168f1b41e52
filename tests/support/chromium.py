"""Chromium for the tests, from the npm package `@sparticuz/chromium`.

Only the program, its libraries and its font are used. The package's own arguments would turn web
security off.
"""

import contextlib
import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
from playwright.sync_api import Browser, sync_playwright

from tests.support import node


_PACKED = node.MODULES / "@sparticuz/chromium"
#: Ubuntu 24.04 lets only known programs make the namespaces that Chromium's sandbox consists of.
_RESTRICTION = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    # The tests open pages of this machine only.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{folder}/fonts</dir>
  <dir>{symbols}</dir>
  <cachedir>{folder}/font-cache</cachedir>
  <alias><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""


def install() -> Path:
    """Unpack the browser unless it is there; return its folder."""
    node.install()
    return node.made_from(_PACKED / "package.json", "chromium", _unpack)


@contextlib.contextmanager
def running() -> Iterator[Browser]:
    """Run the browser, without a window."""
    folder = install()
    with tempfile.TemporaryDirectory(prefix="market-fonts-") as fonts, sync_playwright() as driver:
        own = {
            "LD_LIBRARY_PATH": str(folder / "libraries/lib"),
            "FONTCONFIG_FILE": str(_list_fonts(folder, Path(fonts))),
        }
        browser = driver.chromium.launch(
            executable_path=folder / "chromium",
            args=_ARGUMENTS,
            env={**os.environ, **own},
            chromium_sandbox=_has_sandbox(),
        )
        with browser:
            yield browser


def _unpack(folder: Path) -> None:
    folder.mkdir()
    program = folder / "chromium"
    node.decompress(_PACKED / "bin/chromium.br", program)
    program.chmod(0o755)
    for name, target in (("al2023", "libraries"), ("fonts", ".")):
        archive = folder / f"{name}.tar"
        node.decompress(_PACKED / f"bin/{name}.tar.br", archive)
        with tarfile.open(archive) as opened:
            opened.extractall(folder / target, filter="data")
        archive.unlink()


def _list_fonts(folder: Path, target: Path) -> Path:
    """Write the list of fonts; the package's list names folders of Amazon's machines.

    Matplotlib has the font for code, and the symbols that Open Sans lacks.
    """
    symbols = Path(mpl.get_data_path(), "fonts/ttf")
    file = target / "fonts.conf"
    file.write_text(_FONTS.format(folder=folder, symbols=symbols))
    return file


def _has_sandbox() -> bool:
    """Return whether Chromium can lock its processes in: root and some systems forbid it."""
    is_restricted = _RESTRICTION.exists() and _RESTRICTION.read_text().strip() != "0"
    return os.geteuid() != 0 and not is_restricted
