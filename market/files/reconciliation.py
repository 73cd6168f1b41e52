"""Remove objects that no row names: a crash between object and row leaves one behind."""

from collections.abc import Sequence

import structlog

from market.database import Database
from market.duties import Duty
from market.files import repository
from market.storage import Storage


log = structlog.get_logger(__name__)

#: Storage deletes at most so many objects in one call.
_MOST_DELETED = 1000


def duties(database: Database, storage: Storage) -> Sequence[Duty]:
    """Return the duties of the reconcile job about files."""
    search = OrphanSearch(database, storage)
    return [Duty(name="orphan_files", work=lambda _limit: search.go_on())]


class OrphanSearch:
    """Walks through all objects, one page at each call, and begins again at the end.

    Any number of workers may walk at once, because an object may be deleted twice.
    """

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage
        self._after: tuple[str | None, str | None] = (None, None)

    def go_on(self) -> int:
        """Remove the orphans of the next page; return their number."""
        bucket, path = self._after
        page = repository.find_orphans(self._database, after_bucket=bucket, after_path=path)
        count = 0
        for orphan_bucket, paths in page.paths.items():
            for first in range(0, len(paths), _MOST_DELETED):
                batch = paths[first : first + _MOST_DELETED]
                self._storage.delete(orphan_bucket, batch)
                log.info("orphan_files_removed", bucket=orphan_bucket, count=len(batch))
                count += len(batch)
        # Move on only now: after a failure the next call sees the same page.
        self._after = (page.after_bucket, page.after_path)
        return count
