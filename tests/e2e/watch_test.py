#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people look at while a run is going: alerts, status line, gasm watch, gasm runs.

Curves and alerts are computed again here, from metrics.jsonl.

watch_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]
"""
import fcntl
import json
import math
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from gasm_cli import STEPS, TrainCase  # noqa: E402

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def decided_again(lines, spike, drop, wait):
    """(kind, step) of the alerts that the curve gives reason for, as docs/formats.md says."""
    found, losses, waits, best = [], [], [], None
    for line in lines:
        m, step = line["m"], line["step"]
        if line["split"] == "train":
            before = losses[-50:]
            if len(before) >= 20:
                middle = statistics.median(before)
                mad = statistics.median(abs(loss - middle) for loss in before)
                if m["loss"] > middle + spike * max(1.4826 * mad, 0.05):
                    found.append(("loss_spike", step))
            losses.append(m["loss"])
            waits.append(m["data_wait"])
            if len(waits) >= 5 and sum(waits[-5:]) / 5 > wait:
                found.append(("data_wait", step))
        elif line["split"] == "val":
            if best is not None and m["top1"] < best - drop:
                found.append(("validation_regression", step))
            best = max(m["top1"], best if best is not None else m["top1"])
    return found


def plotted_again(train, val, width, height):
    """Rows of characters between the bar and the end: dots of train, crosses of val."""
    both = train + val
    first, last = min(s for s, _ in both), max(s for s, _ in both)
    top, bottom = max(v for _, v in both), min(v for _, v in both)

    def place(step, value):
        x = (step - first) * (2 * width - 1) // (last - first)
        return x, row(value)

    def row(value):
        return math.floor((top - value) / (top - bottom) * (4 * height - 1) + 0.5)

    bits = [[0] * width for _ in range(height)]

    def dot(x, y):
        bits[y // 4][x // 2] |= DOTS[y % 4][x % 2]

    for i, (step, value) in enumerate(train):
        x, y = place(step, value)
        dot(x, y)
        if i == 0:
            continue
        was = train[i - 1]
        before, above = place(*was)
        if before == x:
            for between in range(min(above, y), max(above, y) + 1):
                dot(x, between)
        for between in range(before + 1, x):
            dot(between, row(was[1] + (value - was[1]) * (between - before) / (x - before)))
    text = [[chr(0x2800 + cell) for cell in line] for line in bits]
    for step, value in val:
        x, y = place(step, value)
        text[y // 4][x // 2] = "\u00d7"
    return ["".join(line) for line in text]


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, words, columns, rows, ranks=0, environment=None):
        self.main, end = pty.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            gasm_cli.command_of(words, ranks), stdin=end, stdout=end, stderr=end,
            start_new_session=True,
            env=gasm_cli.environment_of({"TERM": "xterm", **(environment or {})}))
        os.close(end)
        self.text = b""

    def resize(self, columns, rows):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, pattern, seconds=30):
        end_s = time.monotonic() + seconds
        while not re.search(pattern, self.text) and time.monotonic() < end_s:
            self.read(0.1)
        return re.search(pattern, self.text)

    def read(self, seconds):
        if select.select([self.main], [], [], seconds)[0]:
            try:
                self.text += os.read(self.main, 1 << 16)
            except OSError:  # the other end is closed
                return False
        return True

    def wait(self, seconds=60):
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s and self.read(0.1):
            pass
        code = self.process.wait(5)
        os.close(self.main)
        return code, self.text.decode(errors="replace")


class Watch(TrainCase):
    settings = {"train.eval_every_epochs": 2, "alerts.top1_drop": 0}

    def alerts(self, run, kinds=None):
        return [(a["kind"], a["step"]) for a in lines_of(run.path / "alerts.jsonl")
                if kinds is None or a["kind"] in kinds]

    def once(self, run, width=80, height=40):
        return self.must("watch", "--once", "--width", width, "--height", height,
                         getattr(run, "path", run)).rstrip("\n").split("\n")

    def test_alerts_are_those_of_the_curve(self):
        told = self.folder / "told.txt"
        sets = {"train.steps": 60, "train.eval_every_epochs": 1, "alerts.loss_spike": 0.01,
                "alerts.top1_drop": 0.01, "alerts.data_wait": 0, "alerts.cooldown_s": 0,
                "optim.lr": 1e-4, "alerts.command":
                f"'echo $GASM_ALERT_KIND $GASM_ALERT_STEP >> {told}'"}
        run, out = self.train("alerts", sets)
        expected = decided_again(lines_of(run.path / "metrics.jsonl"), 0.01, 0.01, 0)
        self.assertEqual(self.alerts(run), expected)
        kinds = {kind for kind, _ in expected}
        self.assertLessEqual({"loss_spike", "data_wait"}, kinds)
        self.assertEqual(sorted(told.read_text().splitlines()),
                         sorted(f"{kind} {step}" for kind, step in expected))
        for kind in kinds:
            self.assertIn(f"warning: {kind}: ", out)
        # Stopped and gone on with, the same curve gives reason for the same alerts.
        sets = {**sets, "alerts.command": None, "alerts.data_wait": 1}
        self.train("alerts-stopped", {**sets, "train.stop_after": 31}, code=85)
        resumed, _ = self.train("alerts-stopped", sets, ranks=3)
        self.assertEqual(self.alerts(resumed),
                         [alert for alert in expected if alert[0] != "data_wait"])

    def test_cooldown_keeps_one_of_a_kind(self):
        run, out = self.train("cooldown", {"alerts.data_wait": 0})
        self.assertEqual(self.alerts(run), [("data_wait", 5)])
        self.assertEqual(out.count("data_wait: "), 1)

    def test_stall_is_said_while_the_run_stands_still(self):
        told = self.folder / "stalled.txt"
        sets = {"train.watchdog_s": 15, "alerts.stall_s": 1, "alerts.stall_factor": 20,
                "alerts.command": f"'echo $GASM_ALERT_KIND in $GASM_RUN_FOLDER >> {told}'"}
        run, out = self.train("stall", sets, code=75, fault="hang:1:train:5")
        self.assertEqual(self.alerts(run), [("stall", 5)])
        self.assertRegex(out, r"warning: stall: No step for \d\.\d s after step 5 \(one usually")
        self.assertEqual(told.read_text(), f"stall in {run.path}\n")

    def test_disk_is_told(self):
        run, out = self.train("disk", {"alerts.disk_gb": 1e9})
        self.assertEqual([kind for kind, _ in self.alerts(run)], ["disk"])
        self.assertIn("1000000000.00 GB are wanted", out)
        self.assertIn("alerts.disk_gb", out)

    def test_commands_that_hang_or_fail_cost_nothing(self):
        always = {"alerts.data_wait": 0, "alerts.command_limit_s": 0.3, "train.steps": 60,
                  "train.eval_every_epochs": 0}
        for name, command, message in (
                ("fails", "echo out of order >&2; exit 7", r"failed \(kind data_wait, exit code 7\)"),
                ("hangs", "sleep 100", r"was killed \(kind data_wait; it took longer than 0\.3 s\)"),
                ("is-not-there", "/no/such/program", r"failed \(kind data_wait, exit code 127\)")):
            with self.subTest(name):
                run, out = self.train(name, {**always, "alerts.command": f"'{command}'"},
                                      within_s=60)
                self.assertRegex(out, r"warning: alerts\.command " + message)
                self.assertEqual(run.manifest()["state"], "done")
                self.assertEqual(len(run.lines("train")), 60)
        self.assertEqual((self.folder / "runs/fails/logs/alert-command.log").read_text(),
                         "out of order\n")

    def test_frame_shows_the_curve(self):
        run = self.undisturbed
        lines = lines_of(run.path / "metrics.jsonl")
        for width, height, rows in ((80, 40, 12), (47, 21, 6)):
            frame = self.once(run, width, height)
            self.assertLessEqual(len(frame), height)
            self.assertLessEqual(max(map(len, frame)), width)
            for name, heading in (("loss", "loss ("), ("top1", "top-1 (")):
                with self.subTest(name=name, width=width):
                    at, = [i for i, line in enumerate(frame) if line.startswith(heading)]
                    values = {split: [(line["step"], line["m"][name]) for line in lines
                                      if line["split"] == split] for split in ("train", "val")}
                    drawn = plotted_again(values["train"], values["val"], width - 11, rows)
                    self.assertEqual([line[11:] for line in frame[at + 1:at + 1 + rows]], drawn)
                    both = [v for split in values.values() for _, v in split]
                    for line, value in ((frame[at + 1], max(both)), (frame[at + rows], min(both))):
                        label = f"{100 * value:.1f} %" if name == "top1" else f"{value:.4g}"
                        self.assertEqual(line[:9].strip(), label)
                    self.assertEqual(frame[at + rows + 1].split(), ["step", "1", str(STEPS)])
        text = "\n".join(self.once(run, 120))
        self.assertNotIn("\x1b", text)
        last = [line["m"] for line in lines if line["split"] == "train"][-1]
        self.assertIn(f"{run.path}  done  2 ranks on ", text)
        self.assertIn(f"step {STEPS} of {STEPS}  [{24 * '#'}] 100 %\n", text)
        self.assertIn(f"loss {last['loss']:.4f}  top-1 {100 * last['top1']:.1f} %", text)
        self.assertIn(f" ms a step: forward {last['forward_ms']:.1f}, backward", text)

    def test_frame_of_damaged_files(self):
        path = self.folder / "damaged"
        shutil.copytree(self.undisturbed.path, path)
        metrics = path / "metrics.jsonl"
        text = metrics.read_text()
        metrics.write_text(text + "no json\n" + '{"t": 17000')
        self.assertIn("1 lines of metrics.jsonl are damaged", "\n".join(self.once(path)))
        huge = '{"t": 1, "step": 9223372036854775807, "epoch": 1, "split": "train", "m": {"loss": 1}}\n'
        metrics.write_text(text + huge)
        self.once(path)
        for content in ("", text[:100], "\0" * 1000):
            metrics.write_text(content)
            self.assertIn("nothing yet", "\n".join(self.once(path)))
        metrics.unlink()
        (path / "alerts.jsonl").write_text(
            '{"t": 32503680000, "step": 1, "kind": "a", "text": "\\u001b[31m of tomorrow"}\n')
        text = "\n".join(self.once(path))
        self.assertIn("  0 s ago  a:  [31m of tomorrow", text)
        (path / "manifest.json").write_text("{")
        self.assertRegex("\n".join(self.once(path)), r"damaged(.|\n)*is not a manifest")
        code, out, _ = gasm_cli.Job(["watch", "--once", self.folder]).wait()
        self.assertEqual((code, "is no run folder" in out), (2, True), out)

    def test_watching_a_live_run(self):
        job = self.start("live", {"train.steps": 2000, "train.eval_every_epochs": 0})
        run = gasm_cli.RunFolder(self.run_path("live"))
        self.wait_for_step(job, run, 3)
        seen = Terminal(["watch", "--every", 0.2, run.path], 90, 30)
        self.addCleanup(gasm_cli.kill, seen.process.pid, signal.SIGKILL)
        self.assertTrue(seen.read_until(rb"\x1b\[32mrunning\x1b\[0m"), seen.text)
        self.assertTrue(seen.read_until(rb"step \d+ of 2000  \[.*\] \d+ %  \S+ .*left"), seen.text)
        frames = seen.text.count(b"\x1b[H")
        self.assertTrue(seen.read_until(rb"(?s)(\x1b\[H.*){%d}" % (frames + 2)), seen.text)
        # A small window, in which there is no room for plots.
        seen.text = b""
        seen.resize(40, 10)
        os.killpg(seen.process.pid, signal.SIGWINCH)
        self.assertTrue(seen.read_until(rb"\x1b\[2J\x1b\[H(?!.*top-1 \(\xc3)"), seen.text)
        frame = seen.text.split(b"\x1b[2J")[1].split(b"\x1b[H")[1].decode(errors="replace")
        rows = [re.sub(r"\x1b\[[0-9;]*m|\x1b\[K|\r", "", row) for row in frame.split("\n")]
        self.assertLessEqual(len(rows), 10)
        self.assertLessEqual(max(map(len, rows)), 40)
        # Ctrl-C ends the watching, gives the screen back, and leaves the run alone.
        os.write(seen.main, b"\x03")
        os.killpg(seen.process.pid, signal.SIGINT)
        code, text = seen.wait()
        self.assertEqual(code, 0)
        self.assertIn("\x1b[?25h\x1b[?1049l", text)
        self.assertIsNone(job.process.poll())
        plain = Terminal(["watch", "--every", 0.2, run.path], 90, 30,
                         environment={"NO_COLOR": "1"})
        self.assertTrue(plain.read_until(rb"running"))
        self.assertNotRegex(plain.text, rb"\x1b\[3\dm")
        # Of a run that is killed the watching tells, and ends.
        job.end()
        code, text = plain.wait()
        self.assertEqual(code, 0)
        self.assertRegex(text.rpartition("\x1b[?1049l")[2], r"live  dead ")

    def test_status_line(self):
        words = self.words("status", {"train.steps": 60, "train.eval_every_epochs": 0,
                                      "log.every_steps": 10})
        for ranks, columns in ((0, 100), (2, 100), (2, 40)):
            with self.subTest(ranks=ranks, columns=columns):
                shutil.rmtree(self.run_path("status"), ignore_errors=True)
                code, text = Terminal(words, columns, 24, ranks).wait()
                self.assertEqual(code, 0, text)
                shown = re.findall(r"\r\x1b\[K(train: [^\r\n\x1b]*)", text)
                self.assertTrue(shown, text)
                self.assertLess(max(map(len, shown)), columns)
                if columns == 100:
                    self.assertTrue(any(re.fullmatch(
                        r"train: \d+ of 60 steps, .* left, loss \d\.\d{4}, \d+\.\d clips/s, "
                        r"data wait \d+ %", line) for line in shown), shown)
                # Lines of the log stand above it, and nothing of it stays.
                self.assertRegex(text, r"\r\x1b\[Kstep +\d+ +epoch")
                self.assertRegex(text, r"\r\x1b\[Kdone after step 60")
        shutil.rmtree(self.run_path("status"))
        code, text = Terminal(words, 70, 24, environment={"TERM": "dumb"}).wait()
        self.assertEqual(code, 0, text)
        self.assertNotIn("\x1b", text)
        _, out = self.train("no-terminal", {"train.steps": 3})
        self.assertNotIn("\x1b", out)

    def listed(self, *folders):
        return {pathlib.Path(run["path"]).name: run
                for run in json.loads(self.must("runs", "--json", *folders))}

    def test_runs_and_dead_ones(self):
        sets = {"run.dir": self.folder / "many", "train.eval_every_epochs": 0}
        self.train("finished", {**sets, "train.eval_every_epochs": 2})
        self.train("stopped", {**sets, "train.stop_after": 5}, code=85)
        self.train("failed", {**sets, "optim.lr": 1000, "optim.clip_norm": 0}, code=4)
        (self.folder / "many/broken").mkdir()
        (self.folder / "many/broken/manifest.json").write_bytes(b"\xff\0{")
        job = self.start("killed", {**sets, "train.steps": 2000, "checkpoint.every_steps": 5})
        killed = gasm_cli.RunFolder(self.folder / "many/killed")
        self.wait_for_step(job, killed, 11)
        runs = self.listed(self.folder / "many")
        self.assertEqual({name: run["state"] for name, run in runs.items()},
                         {"finished": "done", "stopped": "stopped", "failed": "failed",
                          "broken": "damaged", "killed": "running"})
        self.assertEqual(list(runs)[-2:], ["stopped", "finished"] if runs["stopped"]["age_s"] <
                         runs["finished"]["age_s"] else ["finished", "stopped"])
        self.assertEqual(runs["stopped"]["step"], 5)
        self.assertEqual(runs["stopped"]["newest_checkpoint"], 5)
        self.assertEqual(runs["finished"]["total_steps"], STEPS)
        self.assertEqual(runs["finished"]["best_top1"], max(
            float(values["top1"]) for _, _, values in
            gasm_cli.RunFolder(self.folder / "many/finished").lines("val")))
        self.assertIn("diverged", runs["failed"]["problem"])
        self.assertIn("is not a manifest", runs["broken"]["problem"])

        # A second job is told who is there.
        code, out, _ = gasm_cli.Job(self.words("killed", {**sets, "train.steps": 2000}), 2).wait()
        self.assertEqual(code, 4, out)
        holder = job.ranks()[0]
        self.assertRegex(out, rf"error: \S*many/killed is in use \(host \S+, process \d+, for \d+")
        self.assertIn(str(holder), re.search(r"process (\d+)", out).group(0))
        # After kill -9 of all, the lock that lies there stands in nobody's way.
        job.end()
        self.assertTrue((killed.path / "lock").exists())
        self.assertEqual(self.listed(self.folder / "many")["killed"]["state"], "dead")
        self.assertRegex(self.must("runs", self.folder / "many"),
                         r"many/killed +dead +\d+ of 2000 +- +\d.* \d+\n")
        start_s = time.monotonic()
        self.train("killed", {**sets, "train.steps": 2000, "train.stop_after": 20}, code=(85,))
        self.assertLess(time.monotonic() - start_s, 30)
        self.assertEqual(self.listed(self.folder / "many")["killed"]["state"], "stopped")

    def test_clocks_that_jump(self):
        """A folder whose files are of tomorrow, and a curve whose times go back."""
        path = self.folder / "jumped"
        shutil.copytree(self.undisturbed.path, path)
        lines = lines_of(path / "metrics.jsonl")
        for i, line in enumerate(lines):
            line["t"] -= 3600 * i
        (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        manifest = json.loads((path / "manifest.json").read_text())
        (path / "manifest.json").write_text(json.dumps({**manifest, "state": "running",
                                                        "total_steps": 100}))
        for file in path.iterdir():
            os.utime(file, (time.time() + 86400,) * 2)
        self.assertEqual(self.listed(path)["jumped"]["age_s"], 0)
        with open(path / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            text = "\n".join(self.once(path, 120))
            self.assertIn("jumped  running", text)
            self.assertIn("last sign of life 0 s ago", text)
            self.assertNotIn(" left", text)

    def test_a_folder_that_is_not_ours(self):
        code, out, _ = gasm_cli.Job(self.words("x", {"run.dir": "/proc"}), 2).wait()
        self.assertEqual(code, 4, out)
        self.assertRegex(out, r"error: cannot create the folder /proc/x \(.*\)")

    def test_a_folder_without_the_right_to_write(self):
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        theirs = self.folder / "theirs"
        theirs.mkdir(mode=0o755)
        self.folder.chmod(0o755)

        def run(*words):
            return subprocess.run([*as_nobody, *gasm_cli.command_of(words, 0)],
                                  env=gasm_cli.environment_of({"HOME": "/tmp"}),
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL)

        if os.geteuid() != 0 or not shutil.which("setpriv") or run("--version").returncode != 0:
            self.skipTest("needs root, setpriv and a binary that others may run")
        done = run(*self.words("x", {"run.dir": theirs}))
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertRegex(done.stderr, r"cannot create the folder \S+ \(Permission denied\)")


if __name__ == "__main__":
    gasm_cli.main(__doc__)
