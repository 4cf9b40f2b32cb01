#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a training on two hosts whose link or one of whose hosts fails.

two_hosts_failures_test.py --gasm BINARY [--mpirun MPIRUN] [-k PATTERN]

The run goes on, or it ends with who is missing and a checkpoint to go on from;
nothing is left running. Needs what two_hosts_test.py needs.
"""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import checkpoint_check  # noqa: E402
import gasm_cli  # noqa: E402
from gasm_cli import RunFolder  # noqa: E402
import two_hosts_test  # noqa: E402
from two_hosts_test import TwoHostsCase  # noqa: E402

# How docs/errors.md tells mpirun to look after its daemons.
KEEP_ALIVE = ("--mca", "oob_tcp_keepalive_time", "3", "--mca", "oob_tcp_keepalive_intvl", "1",
              "--mca", "oob_tcp_keepalive_probes", "3")


class FailureCase(TwoHostsCase):
    def start_and_wait(self, name, sets=None, more=()):
        """A job on 4 ranks that has a checkpoint and is in step 5 or behind it."""
        self.hosts.limit(20)
        job = self.start(name, {"checkpoint.every_steps": 2, **(sets or {})}, ranks=4,
                         launch=self.launch(*more))
        self.wait_for_step(job, RunFolder(self.run_path(name)), 4)
        return job

    def wait_until_empty(self, within_s):
        end_s = time.monotonic() + within_s
        while self.hosts.processes():
            self.assertLess(time.monotonic(), end_s, f"left over: {self.hosts.processes()}")
            time.sleep(0.05)

    def goes_on(self, name, ranks=4):
        """From a checkpoint that is sound, at another number of ranks, to the same end."""
        run = RunFolder(self.run_path(name))
        for step in run.steps():
            checkpoint_check.check(run.checkpoint(step))
        self.assertTrue(run.steps())
        run, out = self.train(name, ranks=ranks)
        self.assertRegex(out, r"resumed from step \d+ ")
        self.assert_undisturbed(run)


class Link(FailureCase):
    def test_slow_for_a_while(self):
        """A step takes seconds at 1 Mbit/s, and is the same step."""
        job = self.start_and_wait("slow", {"train.watchdog_s": 120})
        run = RunFolder(self.run_path("slow"))
        self.hosts.limit(1)
        slow_s, first = time.monotonic(), len(run.lines("train"))
        while len(run.lines("train")) < first + 2 and job.process.poll() is None:
            self.assertLess(time.monotonic() - slow_s, 200)
            time.sleep(0.05)
        slow_s = time.monotonic() - slow_s
        self.hosts.limit(None)
        code, out, _ = job.wait(200)
        self.assertEqual(code, 0, out)
        self.assert_undisturbed(run)
        print(f"2 steps in {slow_s:.0f} s at 1 Mbit/s")
        self.assertGreater(slow_s, 5)

    def test_down_for_30_seconds(self):
        job = self.start_and_wait("down", {"train.watchdog_s": 300})
        self.hosts.cut()
        time.sleep(30)
        self.assertIsNone(job.process.poll())
        self.hosts.mend()
        mended_s = time.monotonic()
        code, out, _ = job.wait(280)
        self.assertEqual(code, 0, out)
        print(f"done {time.monotonic() - mended_s:.0f} s after the link was back")
        self.assert_undisturbed(RunFolder(self.run_path("down")))
        self.wait_until_empty(30)


class KilledHost(FailureCase):
    def ends(self, job, words):
        """mpirun says one of the words behind the last step, and ends."""
        code, out, _ = job.wait(120)
        self.assertNotIn(code, (0, "still running"), out)
        last = out[out.rindex("\nstep "):]
        self.assertRegex(last, "|".join(words), out)
        self.wait_until_empty(60)

    def lost(self):
        return rf"lost communication with a remote daemon[^?]*node {self.hosts.names[1]}\n"

    def test_the_other_host(self):
        """Of what mpirun meets first, the end of the remote shell names no host."""
        job = self.start_and_wait("other")
        self.hosts.kill(1)
        self.ends(job, [self.lost(), rf"Peer host: +{self.hosts.names[1]}\n",
                        "unable to reliably start one or more daemons"])
        self.goes_on("other", ranks=2)

    def test_the_host_of_mpirun(self):
        job = self.start_and_wait("first")
        self.hosts.kill(0)
        kill_s = time.monotonic()
        self.wait_until_empty(120)
        print(f"all processes of the other host ended {time.monotonic() - kill_s:.1f} s later")
        job.wait(10)
        self.goes_on("first", ranks=1)

    def test_the_other_host_s_power(self):
        """Its connections stay open: nobody says that it is gone."""
        job = self.start_and_wait("power", more=KEEP_ALIVE)
        self.hosts.lose_power(1)
        self.ends(job, [self.lost()])
        self.goes_on("power", ranks=3)


if __name__ == "__main__":
    two_hosts_test.main(__doc__)
