"""The floor in its own process, like the engine: posts the delivered bodies to the receiver that took them.

Reads a job (JSON) from stdin and prints its result (JSON).
"""

from __future__ import annotations

import json
import sys
import time

from heliograph.outbound.floor import Loop


def main() -> None:
    """Posts a warm-up, then the job."""
    job = json.loads(sys.stdin.readline())
    bodies = [text.encode() for text in job["bodies"]]
    loop = Loop(job["url"], job["opened"])
    loop.post(bodies, job["opened"])
    began, cpu = time.perf_counter(), time.process_time()
    loop.post(bodies, job["count"])
    took = time.perf_counter() - began
    print(json.dumps({"per_s": job["count"] / took, "cpu_us": (time.process_time() - cpu) / job["count"] * 1e6}))  # noqa: T201


if __name__ == "__main__":
    main()
