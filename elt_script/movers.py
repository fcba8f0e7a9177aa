"""Where rows move: through programs of this machine, or of the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from elt_script.config.model import Config
from elt_script.errors import ConfigError
from elt_script.pg.endpoint import Endpoint

MOST_THREADS = 256  # as `jobs` at most; idle ones cost nothing, and the plan says how many are at work


def _all_fit(_source: Endpoint, _destination: Endpoint) -> None:
    """Want nothing of this machine, which has its programs already."""


@dataclass(frozen=True, slots=True)
class Movers:
    """An executor of copies.

    threads   how many copies it can make at once, where that is not for this machine to say
    want_fit  raises PreflightError that names each worker that could not copy from here to there
    """

    executor: Executor
    threads: int | None = None
    want_fit: Callable[[Endpoint, Endpoint], None] = _all_fit

    def sized(self, config: Config) -> Config:
        """Return the config with as many jobs as there are threads, unless it says how many."""
        jobs = config.jobs or (self.threads and min(self.threads, MOST_THREADS))
        return config.model_copy(update={"jobs": jobs})


@contextmanager
def movers(config: Config) -> Generator[Movers]:
    """Give who moves rows while this block lasts; afterwards nothing of it is at work.

    Raises ConfigError where Dask is not installed, CannotConnectError where its scheduler does not answer or
    has no workers.
    """
    wanted, address = config.executor, config.executor.address
    if wanted.kind == "threads" or address is None:
        with ThreadPoolExecutor(MOST_THREADS) as threads:
            yield Movers(threads)
        return
    try:
        from elt_script.cluster import cluster  # noqa: PLC0415  (an extra, and slow to import)
    except ImportError as error:
        raise ConfigError(
            "`executor.kind` is dask, and Dask is not installed",
            detail=str(error),
            hint="Install it: pip install 'elt-script[dask]'. Or leave `executor` out.",
        ) from error
    patience = max(1.0, config.wait.max_retries * config.wait.delay_seconds)
    with cluster(address, patience) as workers:
        yield Movers(workers, workers.threads, workers.want_fit)
