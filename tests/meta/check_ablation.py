#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""jobs/ablation_synsth.sh with a gasm, an mpirun and a build that only pretend:
which words it takes, what it trains and what it does again; and the verdicts of
its table on figures written by hand."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from check_demo import MPIRUN, PASSES
from source_tree import ROOT, finish

JOBS = ("ablation_synsth.sh", "common.sh", "ablation_rows.py", "ablation_table.py",
        "ablation_figure.py", "demo_table.py")
SYNTH = {"options": {"level": "s", "num_val_draws": 150}, "flip_map": [1, 0, 3, 2],
         "bounds": {"single_frame": "1/4 = 25 %", "bag_of_frames": "1/4 = 25 %",
                    "motion_only": "1/2 = 50 %", "additive_fusion": "3/4 = 75 %",
                    "max_snippet_frames": 2}}
GASM = """#!/usr/bin/env python3
import json, pathlib, sys
words = sys.argv[1:]
value = lambda name: words[words.index(name) + 1]
setting = lambda key: [w for w in words if w.startswith(key + "=")][-1].split("=")[1]
log = pathlib.Path("log")
def write(path, text):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(text)
if words == ["--version"]:
    print("gasm 1")
elif "--print-config" in words:
    print(pathlib.Path(value("--config")).read_text(), *words)
else:
    log.open("a").write(" ".join(words) + "\\n")
    if words[0] == "synth":
        write(value("--output") + "/synth.json", pathlib.Path("synth.json").read_text())
    elif words[0] == "data" and words[1] != "verify" or words[0] == "extract":
        words.remove("--restart") if "--restart" in words else None
        read = [pathlib.Path(word.split("=")[-1]) for word in words]
        write(value("--output"), str(words + [p.read_text() for p in read if p.is_file()]))
    elif words[0] == "train":
        if pathlib.Path("stop-at").read_text() == setting("run.name"):
            sys.exit(85)
        folder = setting("run.dir") + "/" + setting("run.name")
        write(folder + "/checkpoints/latest/model.safetensors", folder)
    elif words[0] == "eval":
        kind = [w for w in words if w.startswith("model.fusion.kind=")] + ["=bcast"]
        top1 = {"late": 0.5, "motion": 0.5}.get(kind[0].split("=")[1], 0.99)
        write(value("--json"), json.dumps({"top1": top1}))
"""


class Ablation:
    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(ROOT / "configs", folder / "configs")
        for name in JOBS:
            self.write(f"jobs/{name}", (ROOT / "jobs" / name).read_text())
        self.write("tools/build", PASSES)
        self.write("build/release/bin/gasm", GASM)
        self.write("bin/mpirun", MPIRUN)
        self.write("synth.json", json.dumps(SYNTH))
        self.write("stop-at", "")

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *words):
        """Exit code, output, the commands of gasm that were run."""
        log = self.folder / "log"
        log.write_text("")
        done = subprocess.run(
            ["env", f"PATH={self.folder}/bin:/usr/local/bin:/usr/bin:/bin", "bash",
             "jobs/ablation_synsth.sh", *words], cwd=self.folder, timeout=120, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        ran = [line for line in log.read_text().splitlines() if not line.startswith("mpirun")]
        return done.returncode, done.stdout, ran


def starting(lines, word):
    return [line for line in lines if line.startswith(word + " ")]


def trained(lines):
    return [word.split("=")[1] for line in starting(lines, "train") for word in line.split()
            if word.startswith("run.name=")]


def check_words(job, expect):
    for words in (("--level",), ("--level", "L"), ("--seeds", "0"), ("--seeds", "x"),
                  ("--ranks", "0"), ("--bake",), ("--quick", "--level", "M"),
                  ("--quick", "--level", "both"), ("--only",), ("--only", "bcast,none"),
                  ("--quick", "--only", "concat"), ("--level", "both", "--only", "clips")):
        code, out, log = job.run(*words)
        expect(code == 2 and "ablation" in out and not log, f"{words}: ended with {code}\n{out}")


def check_runs(job, expect):
    job.write("stop-at", "late-seed0")
    code, out, log = job.run("--quick")
    expect(code == 85 and "stopped" in out, f"stopped: ended with {code}\n{out}")
    expect(len(starting(log, "synth")) == 4 and len(starting(log, "extract")) == 4 and
           len(starting(log, "data join")) == 2, f"made: {log}")
    # Two backbones, the first row, and the one that was stopped.
    expect(len(starting(log, "train")) == 4, f"stopped: {starting(log, 'train')}")
    for line in starting(log, "extract"):
        silhouette = "data/ablation-quick/silhouette" in line
        expect(silhouette == ("model.fusion.kind=motion" in line) and
               silhouette != ("data.sampling.order=shuffled" in line),
               f"a stream of the wrong view: {line}")

    job.write("stop-at", "")
    code, out, log = job.run("--quick")
    expect(code == 0 and "ablation: PASS" in out, f"goes on: ended with {code}\n{out}")
    expect(len(log) == len(starting(log, "train")) + len(starting(log, "eval")) and
           len(starting(log, "train")) == 2, f"goes on: {log}")
    code, out, log = job.run("--quick")
    expect(code == 0 and not log, f"again: ended with {code}, {log}")

    # Another semantic backbone: all that comes of it, and nothing else.
    weights = job.folder / "runs/ablation/quick/pretrain-texture/checkpoints/latest"
    (weights / "model.safetensors").write_text("other")
    code, out, log = job.run("--quick")
    expect([line.split(" --")[0] for line in log if not line.startswith("eval ")] ==
           ["extract"] * 2 + ["data join"] * 2 + ["train"] * 3, f"other weights: {log}")
    code, out, log = job.run("--quick", "--fresh")
    expect(len(starting(log, "train")) == 5 and not starting(log, "synth") and
           code == 0, f"fresh: {code}, {log}")

    code, out, log = job.run("--seeds", "2", "--only", "bcast,clips")
    names = trained(log)
    expect(code == 0 and names[2:] == [f"{row}-seed{seed}" for seed in (0, 1)
                                       for row in ("bcast", "clips")],
           f"two rows: ended with {code}, {names}\n{out}")
    code, out, log = job.run()
    more = trained(log)
    expect(len(set(names + more)) == len(names + more) == 2 + 3 * 15, f"all rows: {more}")
    # The pretended figures break the bounds of two controls and three rows.
    expect(code == 1 and "ablation: FAIL" in out and "Not as expected: B-CAST, no bias" in out,
           f"all rows: ended with {code}\n{out}")


def table_of(folder, figures, *words):
    """Exit code, output and table.json for top-1 of each run."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, top1 in figures.items():
        run = folder / name
        run.mkdir(parents=True)
        (run / "eval-val-iid.json").write_text(json.dumps({"top1": top1}))
        (run / "ablation-done").touch()
    synth = folder / "synth.json"
    synth.write_text(json.dumps(SYNTH))
    done = subprocess.run(
        [sys.executable, str(ROOT / "jobs/ablation_table.py"), "--synth", str(synth), "--runs",
         str(folder), *words], capture_output=True, text=True, check=False, timeout=60)
    path = folder / "table.json"
    return done.returncode, done.stdout, json.loads(path.read_text()) if path.exists() else None


def check_table(folder, expect):
    good = {f"bcast-seed{seed}": top1 for seed, top1 in enumerate((0.97, 0.98, 0.99))}
    code, out, table = table_of(folder, good)
    rows = {row["name"]: row for row in table["rows"]}
    # Of 97, 98, 99: deviation 1, and 4.303 / sqrt(3) = 2.484.
    expect(code == 0 and abs(rows["bcast"]["mean"] - 98) < 1e-9 and
           abs(rows["bcast"]["interval95"] - 2.484) < 1e-3 and rows["bcast"]["holds"] is True,
           f"main row: {code} {rows['bcast']}")
    expect(rows["late"]["mean"] is None and "| not measured |" in out, "a row that was not run")
    figure = xml.etree.ElementTree.parse(folder / "figure.svg").getroot()
    expect(len(figure.findall("{*}circle")) == 3, "a dot for each seed")

    # 50 + 2.576 sqrt(0.25 / 150) = 60.5; 75 + 9.1 = 84.1; 25 + 9.1 = 34.1.
    for name, fine, wrong in (("motion", 0.605, 0.606), ("late", 0.841, 0.842),
                              ("semantic", 0.341, 0.342), ("bcast-shuffled", 0.341, 0.342),
                              ("bcast-silhouette", 0.605, 0.606), ("concat", 0.84, 0.85),
                              ("bcast-no-bias", 0.84, 0.85)):
        for top1, wanted in ((fine, 0), (wrong, 1)):
            code, out, _ = table_of(folder, {**good, f"{name}-seed0": top1})
            expect(code == wanted, f"{name} at {top1}: ended with {code}\n{out}")
    for figures, wanted in (({"bcast-seed0": 0.969}, 1), ({**good, "clips-seed1": 0.97}, 0),
                            ({**good, "clips-seed0": 1.0, "clips-seed1": 0.969}, 1)):
        code, out, _ = table_of(folder, figures)
        expect(code == wanted, f"{figures}: ended with {code}\n{out}")
    code, out, _ = table_of(folder, {"bcast-seed0": 0.91}, "--quick", "--seeds", "1")
    expect(code == 0, f"quick: ended with {code}\n{out}")
    code, out, _ = table_of(folder, {"late-seed0": 0.5})
    expect(code == 1, f"no main row: ended with {code}\n{out}")


def main():
    problems = []

    def expect(holds, text):
        if not holds:
            problems.append(text)

    with tempfile.TemporaryDirectory(prefix="gasm-ablation-") as name:
        job = Ablation(pathlib.Path(name))
        check_words(job, expect)
        check_runs(job, expect)
        check_table(pathlib.Path(name) / "table", expect)
    finish(problems, "ablation")


if __name__ == "__main__":
    main()
