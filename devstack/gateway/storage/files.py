"""The contents of objects: a folder of files, each named by the version of its row.

A path never contains a name that a client chose.
"""

import hashlib
import re
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from devstack.gateway.storage.errors import too_large


_VERSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class Draft:
    """A file that is being written; no row can refer to it before `keep`."""

    def __init__(self, version: str, draft: Path, final: Path) -> None:
        self.version = version
        self.size = 0
        self._digest = hashlib.md5(usedforsecurity=False)
        self._draft = draft
        self._final = final

    @property
    def etag(self) -> str:
        """Return the ETag of the contents, as S3 computes it."""
        return f'"{self._digest.hexdigest()}"'

    async def fill(self, pieces: AsyncIterator[bytes], limit: int) -> None:
        """Write the pieces as they arrive. Raises: StorageError 413 at the first byte too many."""
        self._draft.parent.mkdir(parents=True, exist_ok=True)
        with self._draft.open("wb") as file:
            async for piece in pieces:
                self.size += len(piece)
                if self.size > limit:
                    raise too_large()
                self._digest.update(piece)
                file.write(piece)

    def copy(self, source: Path) -> None:
        """Copy the contents of another version. Raises: FileNotFoundError."""
        self._draft.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, self._draft)

    def keep(self) -> None:
        """Move the file to its final path."""
        self._final.parent.mkdir(parents=True, exist_ok=True)
        self._draft.replace(self._final)

    def discard(self) -> None:
        """Delete the file at both paths."""
        self._draft.unlink(missing_ok=True)
        self._final.unlink(missing_ok=True)


class Files:
    """The folder of all files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._drafts = folder / "drafts"
        # A gateway that was killed leaves drafts of uploads that never finish.
        shutil.rmtree(self._drafts, ignore_errors=True)

    @contextmanager
    def drafted(self) -> Iterator[Draft]:
        """Yield a draft of a new version, and delete it if the block fails."""
        version = str(uuid4())
        draft = Draft(version, self._drafts / version, self._folder / version[:2] / version)
        try:
            yield draft
        except BaseException:
            draft.discard()
            raise

    def open(self, version: str | None) -> BinaryIO:
        """Open a version to read. Raises: FileNotFoundError."""
        return self.path(version).open("rb")

    def path(self, version: str | None) -> Path:
        """Return the path of a version. Raises: FileNotFoundError if it is no version of ours."""
        if version is None or not _VERSION.fullmatch(version):
            raise FileNotFoundError(version)
        return self._folder / version[:2] / version

    def remove(self, versions: Iterable[str | None]) -> None:
        """Delete the files of deleted rows; a missing file is no error."""
        for version in versions:
            if version is not None and _VERSION.fullmatch(version):
                self.path(version).unlink(missing_ok=True)
