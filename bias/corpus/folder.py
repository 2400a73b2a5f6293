"""The output folder of a run: whose it is, that one run at a time is in it, what is done and what it lacks.

OUT/corpus.json is the plan (version, model, settings, inputs with their digests, shards), OUT/manifest.jsonl has a line
for each shard that is done, OUT/articles and OUT/sentences hold the two tables, a file a shard, and OUT/lock is held by
who is at work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyarrow.parquet import read_table

from bias import __version__
from bias.corpus.inputs import cut, list_inputs
from bias.corpus.manifest import MANIFEST, Entry, Manifest, read_manifest
from bias.corpus.plan import InputFile, Model, Plan, Run, Settings, Stamp
from bias.corpus.unit import ARTICLES, SENTENCES, Job, Task
from bias.corpus.workers import Crew, dispatch
from bias.errors import OutputError, UsageError
from bias.files import display_name, try_lock
from bias.modelfolder import MANIFEST as DESCRIPTION
from bias.modelfolder import digest, open_model
from bias.output import TEMPORARY, atomic_write, output_errors

PLAN = "corpus.json"
LOCK = "lock"


def run_of(model: Path, settings: Settings) -> Run:
    """A run with a model folder and settings.

    Raises:
        ModelError: the folder is missing, damaged or not a model.
    """
    info = open_model(model).info
    return Run(__version__, Model(info.name, info.version, digest(model / DESCRIPTION)), settings)


@dataclass(frozen=True, slots=True)
class Corpus:
    """A run in its folder, with the folder to itself."""

    out: Path
    plan: Plan
    manifest: Manifest
    stamps: Sequence[Stamp]

    def job(self, model: Path) -> Job:
        """What the workers are to know."""
        return Job(self.plan.run, model.resolve(), self.plan.columns, self.out.resolve(), Path.cwd())

    @property
    def tasks(self) -> list[Task]:
        """The shards that are not done, or whose files are gone or of another size than they were written with."""
        done = self.manifest.entries
        return [
            Task(shard, tuple(self.stamps[piece.file] for piece in shard.pieces), self.plan.input_digest(shard))
            for shard in self.plan.shards
            if shard.number not in done or not _is_there(self.out, shard.name, done[shard.number])
        ]

    def work(self, tasks: Sequence[Task], crew: Crew) -> Iterator[Entry]:
        """Have the tasks done, each entered in the manifest before its entry is given out.

        Raises:
            BiasError: as `dispatch`; or the manifest cannot be written.
        """
        for entry in dispatch(tasks, crew):
            self.manifest.add(entry)
            yield entry
        self.finish()

    def finish(self) -> None:
        """Leave the folder as an unbroken run does.

        Raises:
            OutputError: the manifest cannot be written.
        """
        self.manifest.finish()
        _sweep(self.out)


@contextmanager
def opened(out: Path, paths: Sequence[str], run: Run) -> Iterator[Corpus]:
    """Begin a run in a folder, or take up the one there, alone in it for the while.

    Raises:
        InputError: a folder of inputs cannot be listed or has no such file.
        OutputError: the folder cannot be written, or holds something else.
        UsageError: the run there is another one, with the differences named; or another process is at it; or the
            folder lies among the inputs.
    """
    _refuse_inside(out, paths)
    if not (out / PLAN).is_file():
        _make(out)
    with _alone(out):
        _sweep(out)
        inputs = list_inputs(paths)
        plan = _plan(out, run, tuple(inputs))
        with Manifest(out) as manifest:
            yield Corpus(out, plan, manifest, tuple(inputs.values()))


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    with output_errors(out):
        lock = (out / LOCK).open("w")
    with lock:
        if not try_lock(lock):
            raise UsageError(f"another run is at work in {out}: let it end, or choose another folder")
        yield


def _plan(out: Path, run: Run, inputs: tuple[InputFile, ...]) -> Plan:
    path = out / PLAN
    if not path.is_file():
        columns, shards = cut(inputs, run.settings)
        plan = Plan(run, inputs, columns, shards)
        with atomic_write(path) as file:
            file.write(plan.to_json())
        return plan
    plan = read_plan(out)
    if changed := list(plan.differences(run, inputs)):
        more = f"; and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise UsageError(
            f"{out} holds another run ({'; '.join(changed[:5])}{more}): give the same as then to go on with it, or "
            "choose another folder"
        )
    return plan


def read_plan(out: Path) -> Plan:
    """The plan of the run in a folder.

    Raises:
        OutputError: there is none, or it cannot be read.
    """
    path = out / PLAN
    with output_errors(path, doing="read"):
        return Plan.from_json(path.read_text("utf-8"), str(path))


@dataclass(frozen=True, slots=True)
class Done:
    """A finished run, to be read."""

    out: Path
    plan: Plan
    entries: Sequence[Entry]

    def files(self, table: str) -> list[str]:
        """The files of a table, in order."""
        return [str(self.out / table / shard.name) for shard in self.plan.shards]

    def first_error(self) -> tuple[str, str]:
        """Source and message of the first article that could not be read.

        Raises:
            StopIteration: all could be.
        """
        entry = next(entry for entry in self.entries if entry.errors)
        path = self.out / ARTICLES / self.plan.shards[entry.shard].name
        rows = read_table(path, columns=["source", "error_message"]).to_pylist()
        return next((row["source"], row["error_message"]) for row in rows if row["error_message"] is not None)


def read_done(out: Path) -> Done:
    """The finished run in a folder.

    Raises:
        OutputError: there is none, or it lacks shards.
    """
    if not (out / PLAN).is_file():
        raise OutputError(f"{out} holds no corpus run: make one with bias corpus run IN -o {out}")
    plan, entries = read_plan(out), read_manifest(out)
    done = [entries[shard.number] for shard in plan.shards if shard.number in entries]
    if len(done) < len(plan.shards):
        missing = len(plan.shards) - len(done)
        raise OutputError(
            f"{out} is not finished, {missing:,} of {len(plan.shards):,} shards are missing: go on with bias corpus run"
        )
    for shard, entry in zip(plan.shards, done, strict=True):
        if not _is_there(out, shard.name, entry):
            raise OutputError(f"{out}: {shard.name} is missing or was changed: bias corpus run makes it anew")
    return Done(out, plan, done)


def _is_there(out: Path, name: str, entry: Entry) -> bool:
    try:
        sizes = [(out / table / name).stat().st_size for table in (ARTICLES, SENTENCES)]
    except OSError:
        return False
    return sizes == [entry.articles.size, entry.sentences.size]


def _sweep(out: Path) -> None:
    """Remove what those who were killed had begun to write."""
    for folder in (out, out / ARTICLES, out / SENTENCES):
        for left in folder.glob(f"{TEMPORARY}*"):
            left.unlink(missing_ok=True)


def _make(out: Path) -> None:
    with output_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        ours = {LOCK, MANIFEST, ARTICLES, SENTENCES}
        if any(path.name not in ours and not path.name.startswith(TEMPORARY) for path in out.iterdir()):
            raise OutputError(f"{out} holds something else than a corpus run: choose another folder")
        for table in (ARTICLES, SENTENCES):
            (out / table).mkdir(exist_ok=True)


def _refuse_inside(out: Path, paths: Sequence[str]) -> None:
    for path in paths:
        if Path(path).is_dir() and out.resolve().is_relative_to(Path(path).resolve()):
            raise UsageError(
                f"{display_name(out)} lies in {path}, whose files are the input: choose a folder beside it"
            )
