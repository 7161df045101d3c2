"""`store`: retention of versions in the model store."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from mtl_core.config.duration import FixedDuration, fixed_length
from mtl_core.frozen import Frozen


class StoreOptions(Frozen):
    """Retention of versions in the model store. Without a limit, every version is kept.

    `mtl retrain` deletes, after a successful run, the versions that exceed a limit; `mtl models prune` does it at any
    time. The champion, the previous champion, the newest version, one that waits for approval and those that
    `mtl models pin` protects are never deleted.
    """

    keep: Annotated[int | None, Field(ge=1)] = None
    """Number of newest versions to keep."""
    max_age: FixedDuration | None = None
    """Maximum age of a version since its first save, as in `365 days`."""

    @property
    def age_limit(self) -> timedelta | None:
        """`max_age` as a length of time."""
        return fixed_length(self.max_age) if self.max_age else None
