# SPDX-License-Identifier: Apache-2.0
"""tools/wandb_bridge against a stand-in for wandb that keeps what it is told: whole runs,
growing and cut files, and its own death at any line."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

BRIDGE = pathlib.Path(__file__).resolve().parents[2] / "tools/wandb_bridge"

# What W&B does that matters here: items have numbers, one number is one item, the service
# knows how many it has (online). Offline, each start has a folder of its own, and knows
# nothing of earlier ones, which a kill may have left empty.
STUB = '''
import json, os
SERVICE = os.environ["STUB_SERVICE"]
DIE_AT, WHEN = os.environ.get("STUB_DIE", "-1 never").split()

def tell(**what):
    with open(SERVICE, "a") as file:
        file.write(json.dumps(what) + "\\n")

class AlertLevel:
    WARN = "WARN"

class Run:
    def __init__(self, id, mode):
        self.id, self.summary, self.num, self.step = id, {}, 0, 0
        if mode == "online" and os.path.exists(SERVICE):
            numbers = [json.loads(line).get("n", -1) for line in open(SERVICE)]
            self.step = max([-1, *numbers]) + 1

    def define_metric(self, name, **how):
        pass

    def log(self, values, step):
        if self.num == int(DIE_AT) and WHEN == "before":
            os._exit(9)
        tell(n=step, values=values)
        if self.num == int(DIE_AT):
            os._exit(9)
        self.num += 1

    def alert(self, **what):
        what["wait_duration"] = what["wait_duration"].total_seconds()
        tell(alert=what)

    def finish(self, exit_code):
        tell(finish=exit_code, summary=self.summary)

def init(**what):
    tell(init=what)
    if what["mode"] == "offline":
        os.makedirs(os.path.join(what["dir"], "wandb", f"offline-run-{os.getpid()}-{what['id']}"))
    return Run(what["id"], what["mode"])
'''


def line_of(step, split="train", loss=None):
    values = {"loss": 1.0 / step if loss is None else loss, "top1": 0.5}
    return json.dumps({"t": 1.7e9 + step, "step": step, "epoch": step / 8, "split": split,
                       "m": values}) + "\n"


class BridgeCase(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gasm-bridge-"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "stub").mkdir()
        (self.folder / "stub/wandb.py").write_text(STUB)
        self.run_folder = self.folder / "run"
        self.run_folder.mkdir()
        (self.run_folder / "config.yaml").write_text(
            "run: {name: demo, seed: 3}\noptim: {lr: 0.001}\n")
        self.set_state("done")
        self.service = self.folder / "service.jsonl"

    def set_state(self, state):
        text = json.dumps({"schema": 1, "state": state, "host": "node", "world_size": 2})
        (self.run_folder / "new").write_text(text)
        os.replace(self.run_folder / "new", self.run_folder / "manifest.json")

    def forget(self):
        """As before the first bridge."""
        self.service.unlink(missing_ok=True)
        shutil.rmtree(self.run_folder / "wandb", ignore_errors=True)
        for path in self.run_folder.glob("wandb*"):
            path.unlink()

    def write(self, text, name="metrics.jsonl", mode="w"):
        with (self.run_folder / name).open(mode) as file:
            file.write(text)

    def start(self, *words, die="-1 never"):
        environment = dict(os.environ, PYTHONPATH=str(self.folder / "stub"),
                           STUB_SERVICE=str(self.service), STUB_DIE=die,
                           PYTHONDONTWRITEBYTECODE="1")
        return subprocess.Popen([sys.executable, BRIDGE, *words, self.run_folder],
                                env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def bridge(self, *words, die="-1 never", code=0):
        process = self.start(*words, die=die)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, out)
        return out

    def told(self, what=None):
        lines = self.service.read_text().splitlines() if self.service.exists() else []
        found = map(json.loads, lines)
        return [line for line in found if what is None or what in line]

    def items(self):
        """(number, split, step), one for each number, as W&B would show them."""
        found = {}
        told = self.told()
        if told and any(item.get("init", {}).get("mode") == "offline" for item in told):
            last = max(i for i, item in enumerate(told) if "init" in item)
            told = told[last:]
        for item in (item for item in told if "n" in item):
            split = next(key for key in item["values"] if "/" in key).partition("/")[0]
            now = (split, item["values"]["step"])
            self.assertEqual(found.setdefault(item["n"], now), now, "a number used twice")
        return [(n, *found[n]) for n in sorted(found)]

    def assert_steps(self, steps):
        self.assertEqual(self.items(), [(i, "train", step) for i, step in enumerate(steps)])


class WholeRun(BridgeCase):
    def test_sends_curve_configuration_and_alerts(self):
        self.write(line_of(1) + line_of(2).replace("0.5}", "null}") + line_of(2, "val"))
        self.write('{"t": 1.0, "step": 2, "kind": "non_finite", "text": "top1 is nan"}\n',
                   "alerts.jsonl")
        self.bridge("--project", "p", "--entity", "e")
        self.assertEqual(self.items(), [(0, "train", 1), (1, "train", 2), (2, "val", 2)])
        first, second, _ = self.told("n")
        self.assertEqual(first["values"], {"train/loss": 1.0, "train/top1": 0.5, "step": 1,
                                           "epoch": 0.125, "unix_time": 1.7e9 + 1})
        self.assertNotEqual(second["values"]["train/top1"], second["values"]["train/top1"])
        init = self.told("init")[0]["init"]
        self.assertEqual((init["project"], init["entity"], init["name"], init["resume"]),
                         ("p", "e", "demo", "allow"))
        self.assertEqual(init["config"]["optim"], {"lr": 0.001})
        self.assertEqual(init["config"]["manifest"]["world_size"], 2)
        alert = self.told("alert")[0]["alert"]
        self.assertEqual((alert["title"], alert["text"], alert["level"], alert["wait_duration"]),
                         ("non_finite", "top1 is nan", "WARN", 0))
        self.assertEqual(self.told("finish")[0], {"finish": 0, "summary": {"state": "done"}})

    def test_a_failed_run_is_one_there(self):
        self.write(line_of(1))
        self.set_state("failed")
        self.bridge()
        self.assertEqual(self.told("finish")[0]["finish"], 1)

    def test_a_second_time_sends_what_is_new_to_the_same_run(self):
        for mode in ("online", "offline"):
            with self.subTest(mode):
                self.forget()
                self.write(line_of(1) + line_of(2))
                self.bridge("--mode", mode)
                self.write(line_of(3), mode="a")
                self.bridge("--mode", mode)
                self.assert_steps([1, 2, 3])
                first, second = (told["init"]["id"] for told in self.told("init"))
                self.assertEqual(first, second)

    def test_an_unfinished_last_line_waits_for_its_end(self):
        text = line_of(1) + line_of(2)
        self.write(text[:-9])
        self.bridge()
        self.assert_steps([1])
        self.write(text)
        self.bridge()
        self.assert_steps([1, 2])

    def test_a_line_that_is_none_is_named_and_left_out(self):
        self.write(line_of(1) + "{torn\n[3]\n" + line_of(2))
        out = self.bridge()
        self.assertIn("metrics.jsonl: a line was left out", out)
        self.assert_steps([1, 2])

    def test_a_clock_that_jumps_back_loses_nothing(self):
        lines = [json.loads(line_of(step)) for step in (1, 2, 3)]
        lines[1]["t"] = 5.0
        self.write("".join(json.dumps(line) + "\n" for line in lines))
        self.bridge()
        self.assert_steps([1, 2, 3])

    def test_alerts_that_a_resumed_run_repeats_come_once(self):
        alert = '{"t": %d, "step": 2, "kind": "bad_sample", "text": "1 clip"}\n'
        self.write(line_of(1))
        self.write(alert % 1 + alert % 2, "alerts.jsonl")
        self.bridge()
        self.write(alert % 3 + alert.replace("1 clip", "2 clips") % 4, "alerts.jsonl", "a")
        self.bridge()
        self.assertEqual([told["alert"]["text"] for told in self.told("alert")],
                         ["1 clip", "2 clips"])

    def test_alerts_can_be_left_alone(self):
        self.write(line_of(1))
        self.write('{"t": 1, "step": 2, "kind": "k", "text": "t"}\n', "alerts.jsonl")
        self.bridge("--no-alerts")
        self.assertEqual(self.told("alert"), [])


class Replay(BridgeCase):
    def test_what_a_resumed_run_repeats_is_sent_once(self):
        self.write("".join(map(line_of, range(1, 7))))
        self.bridge()
        # As MetricsWriter cuts: a new file of that name, without steps 5 and 6.
        self.write("".join(map(line_of, range(1, 5))), "new")
        os.replace(self.run_folder / "new", self.run_folder / "metrics.jsonl")
        self.bridge()
        self.write("".join(map(line_of, range(5, 9))), mode="a")
        self.bridge()
        self.assert_steps(range(1, 9))

    def test_follows_a_run_through_a_cut(self):
        self.set_state("running")
        self.write(line_of(1))
        process = self.start("--follow", "--poll", "0.02")
        self.addCleanup(process.kill)
        self.wait_for(1)
        self.write(line_of(2) + line_of(3)[:20], mode="a")
        self.wait_for(2)
        self.write(line_of(3)[20:] + line_of(4), mode="a")
        self.wait_for(4)
        self.write(line_of(1) + line_of(2), "new")
        os.replace(self.run_folder / "new", self.run_folder / "metrics.jsonl")
        time.sleep(0.1)
        self.write(line_of(3) + line_of(4) + line_of(5), mode="a")
        self.set_state("stopped")
        self.wait_for(5)
        self.set_state("running")
        self.write(line_of(6), mode="a")
        self.set_state("done")
        out, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, out)
        self.assert_steps(range(1, 7))

    def wait_for(self, num):
        end_s = time.monotonic() + 30
        while len(self.told("n")) < num:
            self.assertLess(time.monotonic(), end_s, self.told("n"))
            time.sleep(0.01)


class OwnDeath(BridgeCase):
    def test_at_any_line_leaves_no_gap_and_no_duplicate(self):
        self.write("".join(map(line_of, range(1, 6))))
        for mode in ("online", "offline"):
            for when in ("before", "after"):
                for at in range(5):
                    with self.subTest(mode=mode, when=when, at=at):
                        self.forget()
                        self.bridge("--mode", mode, die=f"{at} {when}", code=9)
                        self.bridge("--mode", mode)
                        self.assert_steps(range(1, 6))

    def test_what_did_not_arrive_is_sent_again(self):
        self.write("".join(map(line_of, range(1, 6))))
        self.bridge(die="4 after", code=9)
        kept = self.service.read_text().splitlines(True)[:-2]  # two were on their way
        self.service.write_text("".join(kept))
        self.bridge()
        self.assert_steps(range(1, 6))

    def test_offline_there_is_one_whole_folder(self):
        self.write("".join(map(line_of, range(1, 6))))
        self.write('{"t": 1, "step": 2, "kind": "k", "text": "t"}\n', "alerts.jsonl")
        for num_starts in (1, 2, 3):
            self.bridge("--mode", "offline")
            self.assertEqual(len(list(self.run_folder.glob("wandb/offline-run-*"))), 1)
            self.assertEqual(len(self.told("alert")), num_starts)  # each folder has it

    def test_in_the_middle_of_its_own_note(self):
        self.write("".join(map(line_of, range(1, 6))))
        self.bridge(die="3 after", code=9)
        journal = self.run_folder / "wandb.sent.jsonl"
        journal.write_bytes(journal.read_bytes()[:-5])
        self.service.write_text("".join(self.service.read_text().splitlines(True)[:-1]))
        self.bridge()
        self.assert_steps(range(1, 6))

    def test_a_signal_ends_it_in_order(self):
        self.set_state("running")
        self.write(line_of(1))
        process = self.start("--follow", "--poll", "0.02")
        self.addCleanup(process.kill)
        end_s = time.monotonic() + 30
        while not self.told("n") and time.monotonic() < end_s:
            time.sleep(0.01)
        process.terminate()
        out, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, out)
        self.assertIn("the same command goes on", out)
        self.assertEqual(self.told("finish")[0]["summary"], {"state": "running"})


class Refusals(BridgeCase):
    def test_a_folder_that_is_no_run(self):
        (self.run_folder / "manifest.json").unlink()
        self.assertIn("is no manifest of a run", self.bridge(code=1))

    def test_two_at_once(self):
        self.set_state("running")
        self.write(line_of(1))
        process = self.start("--follow", "--poll", "0.02")
        self.addCleanup(process.kill)
        end_s = time.monotonic() + 30
        while not self.told("n") and time.monotonic() < end_s:
            time.sleep(0.01)
        self.assertIn("another wandb_bridge works on", self.bridge(code=1))
        process.terminate()
        process.communicate(timeout=30)

    def test_another_id_than_the_folders(self):
        self.write(line_of(1))
        self.bridge("--id", "one")
        self.assertIn("says id one, not two", self.bridge("--id", "two", code=1))

    def test_a_run_of_wandb_with_foreign_lines(self):
        self.write(line_of(1) + line_of(2))
        self.bridge()
        (self.run_folder / "wandb.sent.jsonl").unlink()
        self.assertIn("has 2 lines, but", self.bridge(code=1))

    def test_wandb_is_missing(self):
        (self.folder / "stub/wandb.py").write_text("raise ImportError('no wandb here')")
        self.assertIn("Try pip install wandb", self.bridge(code=1))


if __name__ == "__main__":
    unittest.main(verbosity=2)
