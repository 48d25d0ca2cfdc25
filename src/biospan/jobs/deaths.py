"""Documents that end the workers which tag them, for want of memory or by a crash: found, rejected.

A shard that has ended several workers is searched: a worker tags its documents one at a time, and
keeps a note of which one it is at. A document that ends its worker twice, alone, is rejected; then
the shard is done as every other is, so that it comes out the same however it was found.
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from biospan.errors import BiospanError
from biospan.jobs import commit
from biospan.jobs.plan import Shard
from biospan.jobs.settings import Work, part_name

MAX_DEATHS = 3  # of workers, by one shard: so many before it is searched, and so many after
MAX_DEADLY = 10  # documents of a shard; where there are more, it is hardly they that are at fault


@dataclass(frozen=True, slots=True)
class Search:
    """How far the search in a shard is. Records have their numbers among those of all inputs.

    Attributes:
        note: A file with the number of the record that is tagged; empty between two.
        begin: The record that ended the last worker; those before it do no harm.
        deadly: Records to be rejected.
    """

    note: Path
    begin: int = -1
    deadly: tuple[int, ...] = ()


class Deaths:
    """The deaths of workers, and what follows from them.

    Args:
        work: Of the job.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._unexplained: Counter[int] = Counter()
        self._searches: dict[int, Search] = {}

    def search(self, shard: Shard) -> Search | None:
        """How the next worker is to search a shard; None as long as it is like any other."""
        return self._searches.get(shard.index)

    def add(self, shard: Shard, how: object) -> None:
        """Take a worker's death at a shard into account; `how` it ended is for the message.

        Raises:
            BiospanError: If the shard goes on ending workers and no document explains that.
        """
        search = self.search(shard)
        said = search.note.read_text() if search else ""
        if search and said:
            search.note.write_text("")  # the next worker may end before it comes to a document
            again = (int(said),) if int(said) == search.begin else ()
            search = replace(search, begin=int(said), deadly=search.deadly + again)
        else:
            self._unexplained[shard.index] += 1
        n_deaths = self._unexplained[shard.index]
        if n_deaths >= 2 * MAX_DEATHS or (search and len(search.deadly) > MAX_DEADLY):
            raise BiospanError(
                f"part {shard.index} (records {shard.first + 1:,} to {shard.first + shard.count:,} "
                f"of all inputs): workers go on ending with {how} at it, whatever document they "
                "are at, perhaps for want of memory. Take fewer --workers, and run the same "
                "command again to go on."
            )
        if search is None and n_deaths == MAX_DEATHS:
            name = part_name(shard.index, self._work.settings)
            search = Search(commit.new_draft(self._work.folder, name))
        if search:
            self._searches[shard.index] = search
