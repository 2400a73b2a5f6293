"""Ray: several nodes on this machine, one of which is killed, and a worker too; the rows are those of a local run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
from corpora import write_corpus
from ray.cluster_utils import Cluster
from test_corpus_run import Run, contents, run  # noqa: F401
from typer.main import get_command

from bias.cli import main, make_app
from bias.cli.corpus import RAY_LOCAL
from bias.corpus.folder import opened, run_of
from bias.corpus.plan import Settings
from bias.corpus.raycrew import LOCAL, RayCrew
from bias.errors import WorkerError

pytestmark = [pytest.mark.ray, pytest.mark.skipif(sys.platform == "win32", reason="experimental there")]

NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}
SLOW_MACHINE = {
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_gcs_server_port_wait_time_s": "120",
    "RAY_raylet_start_wait_time_s": "120",
}
"""Ray gives its helpers a few seconds to start, which a machine with other work does not always keep."""


def add_node(cluster: Cluster, **options: Any) -> None:
    """A node with its ports given, for Ray waits no more than 15 s for helpers that find one themselves."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in sockets]
    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")
    cluster.add_node(**{**NODE, **dict(zip(names, ports, strict=True)), **options})


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head without processors, and two nodes of one each."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in SLOW_MACHINE.items():
            patched.setenv(name, value)
        made = Cluster()
        add_node(made, num_cpus=0, include_dashboard=False)
        for _ in range(2):
            add_node(made)
        yield made
        ray.shutdown()
        made.shutdown()


@pytest.fixture
def unbroken(run: Run) -> dict[str, bytes]:  # noqa: F811
    write_corpus(Path("in.jsonl"), of_each=1)
    assert run("in.jsonl", "--shard-rows", "2", out="unbroken") == 0
    return contents("unbroken")


def actors() -> list[psutil.Process]:
    """Processes of ours, of which a node of this machine has those of all nodes."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "username"])
        if process.info["cmdline"] and process.info["cmdline"][0].startswith("ray::_Actor")
    ]


def test_the_cluster_gives_the_rows_of_a_local_run(
    unbroken: dict[str, bytes], cluster: Cluster, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["corpus", "run", "--ray", cluster.address, "in.jsonl", "-o", "out", "--model", str(tiny_folder)]
    assert main([*command, "--shard-rows", "2"]) == 0, capsys.readouterr().err
    assert contents("out") == unbroken
    assert not ray.is_initialized()
    assert not actors()


def test_a_worker_and_a_node_are_killed_in_the_middle(
    unbroken: dict[str, bytes], cluster: Cluster, tiny_folder: Path
) -> None:
    shards = []
    with (
        opened(Path("out"), ["in.jsonl"], run_of(tiny_folder, Settings(shard_rows=2))) as corpus,
        RayCrew(corpus.job(tiny_folder), cluster.address, 2, 10) as crew,
    ):
        for entry in corpus.work(corpus.tasks, crew):
            shards.append(entry.shard)
            if len(shards) == 2:  # two shards are under way
                os.kill(actors()[0].pid, signal.SIGKILL)
            if len(shards) == 5:
                cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
    assert sorted(shards) == list(range(10))
    assert contents("out") == unbroken
    add_node(cluster)


def test_nobody_left_ends_the_run_and_another_goes_on(
    unbroken: dict[str, bytes], cluster: Cluster, tiny_folder: Path
) -> None:
    with (
        opened(Path("out"), ["in.jsonl"], run_of(tiny_folder, Settings(shard_rows=2))) as corpus,
        RayCrew(corpus.job(tiny_folder), cluster.address, 2, 10) as crew,
    ):
        entries = corpus.work(corpus.tasks, crew)
        next(entries)
        crew.starting_seconds = 3
        for node in list(cluster.worker_nodes):
            cluster.remove_node(node, allow_graceful=False)
        for process in actors():  # which may outlive their node for long enough to do all that is left
            with suppress(psutil.NoSuchProcess):
                process.kill()
        with pytest.raises(WorkerError, match="no worker has started in 3 s"):
            list(entries)
    add_node(cluster)
    command = ["corpus", "run", "in.jsonl", "-o", "out", "--model", str(tiny_folder), "--shard-rows", "2"]
    assert main([*command, "--ray", cluster.address]) == 0
    assert contents("out") == unbroken


def test_no_cluster_at_the_address(
    unbroken: dict[str, bytes], tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["corpus", "run", "in.jsonl", "-o", "out", "--model", str(tiny_folder), "--ray", "127.0.0.1:1"]
    assert main(command) == 2
    assert "no Ray at 127.0.0.1:1: [Errno 111] Connection refused" in capsys.readouterr().err


def test_ray_on_this_machine(unbroken: dict[str, bytes], tiny_folder: Path) -> None:
    assert RAY_LOCAL == LOCAL
    command = [sys.executable, "-m", "bias", "corpus", "run", "--ray", "in.jsonl", "-o", "out", "--jobs", "2"]
    done = subprocess.run(
        [*command, "--model", str(tiny_folder), "--shard-rows", "2"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr
    assert contents("out") == unbroken


@pytest.mark.parametrize(
    ("words", "address", "inputs"),
    [
        (["--ray", "in.jsonl"], "local", ["in.jsonl"]),
        (["in.jsonl", "--ray"], "local", ["in.jsonl"]),
        (["--ray", "--jobs", "2", "in.jsonl"], "local", ["in.jsonl"]),
        (["--ray", "head:6379", "in.jsonl"], "head:6379", ["in.jsonl"]),
        (["--ray", "10.0.0.7:6379", "a", "b"], "10.0.0.7:6379", ["a", "b"]),
        (["--ray=auto", "in.jsonl"], "auto", ["in.jsonl"]),
        (["--ray", "ray://head:10001", "in.jsonl"], "ray://head:10001", ["in.jsonl"]),
        (["in.jsonl"], None, ["in.jsonl"]),
    ],
)
def test_the_address_may_be_left_out(words: list[str], address: str | None, inputs: list[str]) -> None:
    command = get_command(make_app()).commands["corpus"].commands["run"]
    context = command.make_context("run", [*words, "-o", "out"])
    assert (context.params["ray"], list(context.params["paths"])) == (address, inputs)
