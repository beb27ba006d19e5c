"""How much memory a process holds."""

import resource
import sys
from pathlib import Path


def megabytes() -> tuple[float, float]:
    """The resident set of this process, now and at its peak.

    Linux keeps both in /proc; elsewhere the peak stands for both.  getrusage on Linux also counts
    the process that this one was forked from.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        now, peak = (int(lines[name].split()[0]) / 1000 for name in ("VmRSS", "VmHWM"))
        return now, peak
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 2 * (peak / (1e6 if sys.platform == "darwin" else 1e3),)
