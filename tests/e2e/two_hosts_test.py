#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains on two hosts with a link between them: its curve, its times, its end.

two_hosts_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]

The hosts are namespaces of this machine (tests/support/host_pair.py), which need
root; ends with 77 where there cannot be any.
"""
import functools
import json
import pathlib
import statistics
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import gasm_cli  # noqa: E402
from checkpoint_files import read_set  # noqa: E402
from gasm_cli import STEPS, RunFolder, TrainCase  # noqa: E402
from host_pair import HostPair, why_not  # noqa: E402

SMALL_BUCKETS = {"parallel.first_bucket_mb": 0.05, "parallel.bucket_mb": 0.1}
SKIPPED = 77  # CTest's SKIP_RETURN_CODE


class TwoHostsCase(TrainCase):
    undisturbed_ranks = 1

    def setUp(self):
        self.hosts = HostPair()
        self.addCleanup(self.hosts.close)

    def launch(self, *more):
        return functools.partial(self.hosts.mpirun, mpirun=gasm_cli.MPIRUN, more=more)


class Curve(TwoHostsCase):
    def test_equal_to_one_host(self):
        here, _ = self.train("here", ranks=4)
        self.assert_undisturbed(here)
        first, second = self.hosts.names
        for name, ranks, sets in (
                ("plain", 4, {}),
                ("sharded", 4, {"parallel.zero1": "true", "data.store": "exchange",
                                **SMALL_BUCKETS}),
                ("virtual", 2, {"parallel.virtual_ranks": 3})):
            with self.subTest(name):
                run, out = self.train(name, sets, ranks=ranks, launch=self.launch())
                where = ("rank 0", "rank 1") if ranks == 2 else ("ranks 0-1", "ranks 2-3")
                self.assertRegex(out, rf"node {first}: {where[0]} .*\n *node {second}: {where[1]} ")
                self.assert_undisturbed(run)
                for part in ("model", "optimizer"):
                    there, expected = (read_set(r.checkpoint(STEPS), part) for r in (run, here))
                    self.assertEqual(there, expected, part)

    def test_rounded_gradients_are_those_of_as_many_ranks_here(self):
        sets = {"parallel.compress": "bf16", "train.steps": 6}
        here, _ = self.train("rounded-here", sets, ranks=4)
        there, _ = self.train("rounded", sets, ranks=4, launch=self.launch())
        self.assertEqual(there.curve(), here.curve())
        self.assertNotEqual(there.lines("train"), self.undisturbed.lines("train")[:6])


def covered_s(spans):
    """Seconds that lie in at least one of the spans."""
    total = end = 0.0
    for begin_s, end_s in sorted(spans):
        total += max(0.0, end_s - max(begin_s, end))
        end = max(end, end_s)
    return total


class TracedStep:
    """What one rank did in one step."""

    def __init__(self, events):
        spans = {}
        for event in events:
            begin_s = event["ts"] / 1e6
            spans.setdefault(event["name"], []).append((begin_s, begin_s + event["dur"] / 1e6))
        exchanges = [s for name, s in spans.items() if name.startswith("exchange ")]
        under_way = [span for found in exchanges for span in found]
        self.num_exchanges = len(under_way)
        self.under_way_s = covered_s(under_way)
        (_, backward_end_s), = spans["backward"]
        self.hidden_s = covered_s([(a, min(b, backward_end_s)) for a, b in under_way
                                   if a < backward_end_s])
        (wait_begin_s, wait_end_s), = spans["wait for the exchange"]
        self.wait_s = wait_end_s - wait_begin_s
        self.num_bytes = sum(event["args"]["bytes"] for event in events
                             if event["name"].startswith("exchange "))


def trace_of(run):
    """step -> rank -> TracedStep"""
    events = [event for event in json.loads((run.path / "trace.json").read_text())["traceEvents"]
              if event["ph"] == "X"]
    steps = sorted({event["args"]["step"] for event in events})
    return {step: [TracedStep([e for e in events
                               if (e["args"]["step"], e["pid"]) == (step, rank)])
                   for rank in (0, 1)] for step in steps}


def times_of(run):
    """step -> what metrics.jsonl says of rank 0"""
    lines = map(json.loads, (run.path / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: line["m"] for line in lines if line["split"] == "train"}


def num_values(path):
    """Numbers in a file of safetensors."""
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    return sum(entry["data_offsets"][1] - entry["data_offsets"][0]
               for name, entry in header.items() if name != "__metadata__") // 4


class Link(TwoHostsCase):
    """Two ranks, one a host. Of a vector of n bytes each sends the half that the
    other adds up, and gets back that sum: n bytes in each direction."""
    rate_mbit = 20
    steps = 7
    settings = {"train.global_batch": 8, "train.steps": steps, "log.trace_steps": steps - 2}

    def traced(self, name, sets=None):
        before = self.hosts.sent_bytes()
        run, _ = self.train(name, sets, ranks=2, launch=self.launch())
        sent = [b - a for a, b in zip(before, self.hosts.sent_bytes())]
        trace = trace_of(run)
        self.assertEqual(sorted(trace), list(range(3, self.steps + 1)))
        # The trace and the curve say the same.
        for step, (first, _) in trace.items():
            line = times_of(run)[step]
            self.assertAlmostEqual(line["exchange_wait_ms"], 1e3 * first.wait_s, delta=2)
            self.assertAlmostEqual(line["exchange_hidden"], first.hidden_s / first.under_way_s,
                                   delta=0.02)
        return run, trace, sent

    def seconds(self, trace):
        return statistics.median(rank.under_way_s for ranks in trace.values() for rank in ranks)

    def test_rate_and_compression_show_in_the_times(self):
        self.hosts.limit(self.rate_mbit)
        run, trace, sent = self.traced("slow")
        num_bytes = trace[3][0].num_bytes
        # Gradients, and little else: gaps between them, statistics, counts.
        gradients = 4 * num_values(run.checkpoint(self.steps) / "model.safetensors")
        self.assertTrue(0.95 < num_bytes / gradients < 1.15, f"{num_bytes} of {gradients}")
        for direction in sent:
            self.assertTrue(0.98 < direction / (self.steps * num_bytes) < 1.5,
                            f"{direction} sent, {self.steps} x {num_bytes} expected")
        expected_s = 8e-6 * num_bytes / self.rate_mbit
        found_s = self.seconds(trace)
        print(f"{num_bytes} bytes at {self.rate_mbit} Mbit/s: {1e3 * found_s:.0f} ms "
              f"(at least {1e3 * expected_s:.0f} ms)")
        self.assertTrue(0.8 < found_s / expected_s < 1.6, f"{found_s} s of {expected_s} s")

        _, trace, sent_short = self.traced("short", {"parallel.compress": "bf16"})
        self.assertTrue(0.45 < trace[3][0].num_bytes / num_bytes < 0.55)
        for short, whole in zip(sent_short, sent):
            self.assertTrue(0.4 < short / whole < 0.65, f"{short} of {whole} bytes")
        ratio = self.seconds(trace) / found_s
        print(f"in bf16: {ratio:.2f} of the time")
        self.assertTrue(0.4 < ratio < 0.65, f"{ratio} of the time with half the bytes")

    def test_both_directions_at_once(self):
        """Large messages, too: with Open MPI's put protocol they take turns."""
        num_bytes, rate_mbit = 8_000_000, 200
        self.hosts.limit(rate_mbit)
        job = gasm_cli.Job(["bench", "allreduce", "--json", "--min-bytes", num_bytes,
                            "--max-bytes", num_bytes, "--repeat", 2], 2, launch=self.launch())
        code, out, _ = job.wait()
        self.assertEqual(code, 0, out)
        line, = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        expected_ms = 8e-3 * num_bytes / rate_mbit
        print(f"{num_bytes} bytes at {rate_mbit} Mbit/s: all-reduce {line['ms']:.0f} ms, "
              f"tree {line['tree_ms']:.0f} ms (at least {expected_ms:.0f} ms)")
        for name in ("ms", "tree_ms"):
            self.assertTrue(0.8 < line[name] / expected_ms < 1.6, f"{name}: {line}")

    def test_exchange_hides_behind_backward(self):
        """More of it in small buckets, of which the first ones are full early."""
        self.hosts.limit(10 * self.rate_mbit)
        hidden = []
        for name, sets in (("one-bucket", {}), ("buckets", SMALL_BUCKETS)):
            _, trace, _ = self.traced(name, {"train.global_batch": 32, "train.micro_batch": 16,
                                             **sets})
            hidden.append(statistics.median(rank.hidden_s / rank.under_way_s
                                            for ranks in trace.values() for rank in ranks))
        print(f"hidden: {hidden[0]:.2f} in one bucket, {hidden[1]:.2f} in small ones")
        self.assertGreater(trace[3][0].num_exchanges, 4)
        self.assertGreater(hidden[1], hidden[0] + 0.1)


class DeadLink(TwoHostsCase):
    watchdog_s = 6

    def cut_midway(self, name, sets, *more):
        """A job on 4 ranks whose link dies after some steps."""
        self.hosts.limit(20)
        job = self.start(name, {"checkpoint.every_steps": 2, **sets}, ranks=4,
                         launch=self.launch(*more))
        self.wait_for_step(job, RunFolder(self.run_path(name)), 4)
        self.hosts.cut()
        return job

    def wait_until(self, is_so, within_s, what):
        end_s = time.monotonic() + within_s
        while not is_so():
            self.assertLess(time.monotonic(), end_s, f"{what}: {self.hosts.processes()}")
            time.sleep(0.05)

    def goes_on(self, name, **how):
        self.hosts.limit(None)
        run, out = self.train(name, ranks=4, **how)
        self.assertRegex(out, r"resumed from step [2-9]\d* ")
        self.assert_undisturbed(run)

    def test_watchdog_says_who_waits(self):
        job = self.cut_midway("cut", {"train.watchdog_s": self.watchdog_s})
        # The first to end says why; those that it cannot reach give it 15 s for that.
        program = pathlib.Path(gasm_cli.GASM).name
        self.wait_until(lambda: program not in self.hosts.processes().values(),
                        self.watchdog_s + 25, "ranks that do not end")
        # What the other host's daemon has to say cannot be heard before.
        self.hosts.mend()
        code, out, _ = job.wait(60)
        self.assertEqual(code, 75, out)
        self.assertRegex(out, r"watchdog: no progress for \d+\.\d s \(deadline 6\.0 s\) in phase "
                              r'"[^"]*train')
        # The first to end names all four, each in a collective that cannot end.
        reporter = out.partition(" watchdog: no progress")[0].rpartition("[rank ")[2].rstrip("]")
        for rank in range(4):
            self.assertRegex(out, rf'\[rank {reporter}\]   rank {rank}: \d+\.\d s in phase '
                                  rf'"[^"]*train[^"]*"[^\n]*, inside collective \d+ \([^\n]*'
                                  rf"host {self.hosts.names[rank // 2]}, ")
        self.wait_until(lambda: not self.hosts.processes(), 10, "left over")
        self.goes_on("cut", launch=self.launch())

    def test_mpirun_ends_the_job_where_it_looks_after_its_daemons(self):
        keep_alive = ("--mca", "oob_tcp_keepalive_time", "3", "--mca", "oob_tcp_keepalive_intvl",
                      "1", "--mca", "oob_tcp_keepalive_probes", "3")
        job = self.cut_midway("lost", {}, *keep_alive)
        code, out, _ = job.wait(40)
        self.assertNotIn(code, (0, "still running"), out)
        self.assertIn("lost communication with a remote daemon", out)
        self.wait_until(lambda: not self.hosts.processes(), 20, "left over")
        self.goes_on("lost")


def main(doc):
    reason = why_not()
    if reason:
        print(f"skipped: no two hosts on this machine ({reason})")
        sys.exit(SKIPPED)
    gasm_cli.main(doc.splitlines()[0])


if __name__ == "__main__":
    main(__doc__)
