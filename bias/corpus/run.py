"""A corpus scored from beginning to end, or from where an earlier run was stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from bias.corpus.folder import Done, opened, read_done, run_of
from bias.corpus.localpool import LocalPool
from bias.corpus.manifest import Entry
from bias.corpus.plan import Settings
from bias.corpus.unit import Job
from bias.corpus.workers import Alone, Crew
from bias.cpus import available_cpus
from bias.errors import MissingExtraError
from bias.files import codec_name
from bias.modelfolder import model_folder

Watch = Callable[[Iterator[Entry], int, int], Iterable[Entry]]
"""Sees the shards as they are done: their entries, how many articles were there before, and how many there are."""


def score_corpus(
    paths: Sequence[str | Path],
    out: str | Path,
    *,
    model: str | Path | None = None,
    settings: Settings | None = None,
    jobs: int | None = None,
    ray: str | None = None,
    watch: Watch = lambda entries, _done, _total: entries,
) -> Done:
    """Score files and folders of articles into a folder of Parquet tables (docs/corpus.md has the columns).

    A folder with an unfinished run of the same is gone on with.

    Args:
        model: a model folder; None or "default" is the shipped one.
        jobs: processes, one thread each; None is one a processor.
        ray: the address of a Ray cluster, or "local" for Ray on this machine; None goes without.

    Raises:
        InputError: a folder cannot be listed or is empty, or a file fails or changes while it is read. Rows and files
            that cannot be read are rows of the result.
        MissingExtraError: Ray is asked for and not installed.
        ModelError: the model is missing, damaged or not one.
        OutputError: the folder cannot be written, is full, or holds something else.
        UsageError: the run in the folder is another one (the differences are named), or someone is at it.
        WorkerError: workers are lost and cannot be replaced.
    """
    settings = settings or Settings()
    codec_name(settings.encoding)
    folder, out = model_folder(model), Path(out)
    with opened(out, [str(path) for path in paths], run_of(folder, settings)) as corpus:
        tasks = corpus.tasks
        total, left = corpus.plan.rows, sum(task.shard.rows for task in tasks)
        if tasks:
            with _crew(corpus.job(folder), jobs, ray, len(tasks)) as crew:
                deque(watch(corpus.work(tasks, crew), total - left, total), maxlen=0)
        else:
            watch(iter(()), total, total)
            corpus.finish()
        return read_done(out)


def _crew(job: Job, jobs: int | None, ray: str | None, tasks: int) -> AbstractContextManager[Crew]:
    if ray is not None:
        try:
            from bias.corpus.raycrew import RayCrew
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "bias":
                raise  # a fault of ours, not a package that is missing
            raise MissingExtraError("Ray", "ray") from error
        return RayCrew(job, ray, jobs, tasks)
    size = min(jobs or available_cpus(), tasks)
    return Alone(job) if size == 1 else LocalPool(job, size)
