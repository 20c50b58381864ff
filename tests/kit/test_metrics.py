"""Processes that count together in one folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COUNTS = """
import sys
from datawave.kit import metrics
metrics.COMMANDS.labels("rename", "DONE").inc(3)
metrics.OPERATIONS.labels("query").observe(0.2)
metrics.TOPICS.set(2)
print("counted", flush=True)
sys.stdin.read()
"""
TELLS = "from datawave.kit import metrics; print(metrics.told().decode())"


def started(folder: Path, code: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(folder: Path) -> set[str]:
    said, _ = started(folder, TELLS).communicate(timeout=30)
    return set(said.splitlines())


def test_whoever_is_asked_tells_of_all_and_of_what_is_open_in_those_that_live(tmp_path: Path) -> None:
    counting = [started(tmp_path, COUNTS) for _ in range(2)]
    for each in counting:
        assert each.stdout is not None
        assert each.stdout.readline() == "counted\n"
    done = {
        'datawave_commands_total{command="rename",outcome="DONE"} 6.0',
        'datawave_operation_seconds_count{kind="query"} 2.0',
    }
    assert told(tmp_path) >= done | {"datawave_topics_followed 4.0"}
    counting[0].communicate(timeout=30)
    assert told(tmp_path) >= done | {"datawave_topics_followed 2.0"}
    counting[1].communicate(timeout=30)
