"""Progress bars on standard error, so that results on standard output stay clean."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress_bar"]


_LINE_SECONDS = 60.0


@contextmanager
def progress_bar(what: str, *, long_job: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar with count and time left; the value yielded is told (done, total). Silent for fewer than three items.

    A ``long_job`` also shows its rate, and where no terminal is there to see a bar, a line a minute for a log.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:.1f}/s")

    console = Console(stderr=True)
    if long_job and not console.is_terminal:
        yield _Lines(what).tell
        return
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    if long_job:
        columns.append(RateColumn())
    bar = Progress(*columns, console=console)
    task = bar.add_task(what, total=None)

    def tell(done: int, total: int) -> None:
        if total > 2 and not bar.live.is_started:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield tell
    finally:
        if bar.live.is_started:
            bar.stop()


class _Lines:
    """Progress for a log: at most a line a minute. The rate is that of this run, without what an earlier one did."""

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._clock = what, clock
        self._began: tuple[float, int] | None = None
        self._said = 0.0

    def tell(self, done: int, total: int) -> None:
        now = self._clock()
        if self._began is None:
            self._began, self._said = (now, done), now
        if now - self._said < _LINE_SECONDS:
            return
        self._said = now
        rate = (done - self._began[1]) / (now - self._began[0])
        left = f", {(total - done) / rate / 60:.0f} min left" if rate > 0 else ""
        print(f"{self._what}: {done} of {total}, {rate:.1f}/s{left}", file=sys.stderr, flush=True)
