#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""jobs/demo.sh with a gasm, an mpirun and a build that only pretend: which
words it takes, how it starts ranks, and which runs it makes again."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from source_tree import ROOT, finish

GASM = """#!/usr/bin/env python3
import pathlib, sys
words = sys.argv[1:]
value = lambda name: words[words.index(name) + 1]
log = pathlib.Path("log")
if words == ["--version"]:
    print("gasm", pathlib.Path("version").read_text())
elif "--print-config" in words:
    print(pathlib.Path(value("--config")).read_text(), *words)
else:
    log.open("a").write(" ".join(words) + "\\n")
    if words[:2] == ["data", "pack"]:
        pathlib.Path(value("--output")).write_text("packed")
    elif words[0] == "synth":
        pathlib.Path(value("--output")).mkdir(parents=True)
"""
MPIRUN = """#!/usr/bin/env bash
set -euo pipefail
echo "mpirun $*" >>log
while [ "${1##*/}" != gasm ]; do shift; done
exec "$@"
"""
PASSES = "#!/usr/bin/env bash\nset -euo pipefail\n"


class Demo:
    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(ROOT / "configs", folder / "configs")
        for name in ("jobs/demo.sh", "jobs/common.sh"):
            self.write(name, (ROOT / name).read_text())
        self.write("jobs/demo_table.py", "")
        self.write("tools/build", PASSES)
        self.write("build/release/bin/gasm", GASM)
        self.write("bin/mpirun", MPIRUN)
        self.write("version", "1")

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *words):
        """Exit code, output, lines that gasm and mpirun were started with."""
        log = self.folder / "log"
        log.write_text("")
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        done = subprocess.run(["bash", "jobs/demo.sh", *words], cwd=self.folder,
                              env=dict(os.environ, PATH=path), timeout=60, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout, log.read_text().splitlines()


def check_words(demo, expect):
    for words in (("--level",), ("--seed",), ("--ranks",), ("--seed", "007"),
                  ("--seed", "-1"), ("--ranks", "0"), ("--level", "XL"), ("--bake",),
                  ("--small", "--level", "M")):
        code, out, log = demo.run(*words)
        expect(code == 2 and "demo: " in out and not log, f"{words}: ended with {code}\n{out}")


def check_runs(demo, expect):
    def trained(*words):
        code, out, log = demo.run("--small", *words)
        expect(code == 0 and "demo: PASS" in out, f"{words}: ended with {code}\n{out}")
        for line in log:
            if line.startswith("mpirun"):
                expect("--oversubscribe --bind-to none" in line, f"ranks started by: {line}")
        folders = sorted(path.name for path in (demo.folder / "runs/demo").iterdir())
        return sum(line.startswith("train ") for line in log), out, folders

    num, _, folders = trained()
    expect(num == 1 and len(folders) == 1, f"first: {num} trainings, {folders}")
    num, out, _ = trained()
    expect(num == 0 and "is trained and measured" in out, f"again: {num} trainings\n{out}")

    def other(what, *words):
        for old in (demo.folder / "runs/demo").glob("*.old-*"):
            shutil.rmtree(old)
        num, out, folders = trained(*words)
        expect(num == 1 and f"was made with other {what}:" in out and len(folders) == 2,
               f"other {what}: {num} trainings, {folders}\n{out}")
        num, out, _ = trained(*words)
        expect(num == 0, f"other {what}, again: {num} trainings\n{out}")

    demo.write("version", "2")
    other("program")
    config = demo.folder / "configs/synsth-s.yaml"
    config.write_text(config.read_text() + "# edited\n")
    other("configuration")
    (demo.folder / "data/synsth-s/val-iid.h5").write_text("other clips")
    other("data")
    other("ranks", "--ranks", "3")
    (demo.folder / "runs/demo/synsth-s-seed0/demo-made-with").unlink()
    other("program, data or settings", "--ranks", "3")
    # Stopped half-way: goes on in the same folder.
    (demo.folder / "runs/demo/synsth-s-seed0/demo-done").unlink()
    num, out, _ = trained("--ranks", "3")
    expect(num == 1 and "was made with" not in out, f"half-way: {num} trainings\n{out}")


def main():
    problems = []

    def expect(holds, text):
        if not holds:
            problems.append(text)

    with tempfile.TemporaryDirectory(prefix="gasm-demo-") as name:
        demo = Demo(pathlib.Path(name))
        check_words(demo, expect)
        check_runs(demo, expect)
    finish(problems, "demo")


if __name__ == "__main__":
    main()
