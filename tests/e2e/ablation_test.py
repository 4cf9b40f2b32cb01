#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""jobs/ablation_synsth.sh --quick with the real program, stopped once.

Backbones are pretrained, features of split views extracted and joined, and
three fusions trained: with the distance bias it must reach 90 % on held-out
clips, where the sum of both streams cannot pass 75 %, and motion alone 50 %.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = ["bash", "jobs/ablation_synsth.sh", "--quick"]


def prepare(folder, gasm, mpirun):
    """A tree in which the job finds what it needs, already built."""
    for name in ("jobs", "configs"):
        shutil.copytree(ROOT / name, folder / name)
    for name, target in (("build/release/bin/gasm", gasm), ("bin/mpirun", mpirun)):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).symlink_to(target)
    (folder / "tools").mkdir()
    build = folder / "tools/build"
    build.write_text("#!/usr/bin/env bash\nset -euo pipefail\n")
    build.chmod(0o755)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gasm", required=True)
    parser.add_argument("--mpirun", required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gasm-ablation-") as name:
        folder = pathlib.Path(name)
        prepare(folder, args.gasm, args.mpirun)
        environment = dict(os.environ, PATH=f"{folder}/bin:{os.environ['PATH']}")
        log = folder / "runs/ablation/quick/bcast-seed0/metrics.jsonl"

        with subprocess.Popen(COMMAND, cwd=folder, env=environment) as job:
            while job.poll() is None and not log.exists():
                time.sleep(0.2)
            job.send_signal(signal.SIGTERM)
            code = job.wait(120)
        if code != 85:
            sys.exit(f"stopped in the first row, it ended with {code}, not 85")
        steps_before = log.read_text()

        subprocess.run(COMMAND, cwd=folder, env=environment, check=True, timeout=1500)
        if not log.read_text().startswith(steps_before):
            sys.exit("it did not go on from where it was stopped")
        table = json.loads((folder / "runs/ablation/quick/table.json").read_text())
    rows = {row["name"]: row for row in table["rows"]}
    if sorted(rows) != ["bcast", "late", "motion"] or not all(
            row["holds"] for row in rows.values()):
        sys.exit(f"not as expected: {rows}")


if __name__ == "__main__":
    main()
