"""How many processors this process may really use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_cpus(cgroup: Path = _CGROUP) -> int:
    """The processors in the affinity mask, capped by the quota of the control group (Linux, v1 and v2); at least 1."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return cpus if quota is None else max(1, min(cpus, math.ceil(quota)))


def _quota(cgroup: Path) -> float | None:
    """Processors' worth of time a period that the control group grants, or None for no limit."""
    try:
        if (unified := cgroup / "cpu.max").is_file():
            granted, period = unified.read_text().split()
        else:
            granted = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        return float(granted) / float(period) if granted not in {"max", "-1"} else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
