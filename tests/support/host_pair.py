# SPDX-License-Identifier: Apache-2.0
"""Two hosts on one machine, joined by a link of any rate that can be cut.

A host is a network, a name, mounts and shared memory of its own (Linux
namespaces); processors and files are the machine's. Nothing of it is seen from
outside, and all of it, processes included, goes when this process ends, however
it ends: the kernel ends whatever lives in a process namespace with its first
process, and that one reads a pipe from here.
"""
import atexit
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

ADDRESSES = ("10.77.0.1", "10.77.0.2")
INTERFACE = "eth0"
PROGRAMS = {"ip": "iproute2", "tc": "iproute2", "unshare": "util-linux", "nsenter": "util-linux",
            "mount": "mount"}


class CannotPretend(Exception):
    """This machine does not give us two hosts; says why."""


def why_not():
    """Why there cannot be two hosts here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program, package in PROGRAMS.items():
        if not shutil.which(program):
            return f"no {program} in PATH (Debian's {package})"
    try:
        with HostPair() as hosts:
            hosts.limit(10)
    except CannotPretend as problem:
        return str(problem)
    return None


def run(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise CannotPretend(f"{' '.join(command)} ended with {done.returncode}: "
                            f"{done.stdout.strip()}")
    return done.stdout


class HostPair:
    """Hosts 0 and 1, until close() or the end of this process."""
    _count = 0

    def __init__(self):
        HostPair._count += 1
        stem = f"gasm-{os.getpid()}-{HostPair._count}"
        self.names = (f"{stem}-1", f"{stem}-2")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gasm-hosts-"))
        self._silent = self.folder / "silent"
        self._holders = []
        atexit.register(self.close)
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _hold(self, command):
        """Starts what keeps namespaces alive; returns the first line it says."""
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, start_new_session=True)
        self._holders.append(holder)
        line = holder.stdout.readline().strip()
        if not line:
            raise CannotPretend(f"{' '.join(command)}: {holder.stderr.read().strip()}")
        return line

    def _set_up(self):
        self._hold(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh",
                    "-c", "echo up; exec cat"])
        outer = self._holders[0].pid
        first, = pathlib.Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        self._machine = ["nsenter", "--target", first, "--mount", "--pid"]
        self._namespace = os.readlink(f"/proc/{first}/ns/pid")
        # Process numbers as they are within.
        self._pids = [self._hold([*self._machine, "unshare", "--mount", "--net", "--uts", "sh",
                                  "-c", "echo $$; exec sleep infinity"]) for _ in self.names]
        hosts = self.folder / "hosts"
        hosts.write_text("127.0.0.1 localhost\n" + "".join(
            f"{address} {name}\n" for address, name in zip(ADDRESSES, self.names)))
        a, b = self._pids
        run([*self._machine, "ip", "link", "add", INTERFACE, "netns", a, "type", "veth", "peer",
             "name", INTERFACE, "netns", b])
        for i, (name, address) in enumerate(zip(self.names, ADDRESSES)):
            run([*self.on(i), "hostname", name])
            run([*self.on(i), "mount", "--bind", str(hosts), "/etc/hosts"])
            run([*self.on(i), "mount", "-t", "tmpfs", "none", "/dev/shm"])
            run([*self.on(i), "ip", "address", "add", f"{address}/24", "dev", INTERFACE])
            run([*self.on(i), "ip", "link", "set", "lo", "up"])
        self.mend()
        (self.folder / "agent").write_text(
            "#!/bin/sh\n# What ssh is elsewhere: agent HOST COMMAND...\nhost=$1\nshift\n"
            f"case $host in\n  {self.names[0]}) pid={a} ;;\n  {self.names[1]}) pid={b} ;;\n"
            '  *) echo "no host $host" >&2; exit 255 ;;\nesac\n'
            'nsenter --target "$pid" --mount --net --uts sh -c "$*"\ncode=$?\n'
            # It stays on the host it was started on, as ssh does, and says 255 when
            # the other side is killed, but nothing when that falls silent.
            f'while [ -e {self._silent} ]; do sleep 0.2; done\n'
            '[ $code -lt 128 ] || code=255\nexit $code\n')
        (self.folder / "agent").chmod(0o755)
        (self.folder / "hostfile").write_text("".join(f"{name} slots=64\n" for name in self.names))

    def on(self, host):
        """What a command must begin with to run on a host."""
        return [*self._machine, "nsenter", "--target", self._pids[host], "--mount", "--net",
                "--uts"]

    def mpirun(self, ranks, mpirun="mpirun", more=()):
        """What a command must begin with to run on so many ranks, half on each host.

        They share the machine's cores (no rank is bound to one) and talk over the
        link between hosts, and through shared memory on one.
        """
        assert ranks % 2 == 0
        return [*self.on(0), mpirun, "--hostfile", str(self.folder / "hostfile"), "-n", str(ranks),
                "--map-by", f"ppr:{ranks // 2}:node", "--bind-to", "none",
                "--mca", "orte_tmpdir_base", str(self.folder),
                "--mca", "plm_rsh_agent", str(self.folder / "agent"),
                "--mca", "btl", "self,vader,tcp", "--mca", "btl_tcp_if_include", INTERFACE,
                "--mca", "oob_tcp_if_include", INTERFACE, "--mca", "mpi_yield_when_idle", "1",
                *more]

    def limit(self, megabits_per_s):
        """Sets the link's rate, in each direction; None: as fast as the machine."""
        for i in range(2):
            command = [*self.on(i), "tc", "qdisc"]
            if megabits_per_s is None:
                subprocess.run([*command, "del", "dev", INTERFACE, "root"], check=False,
                               capture_output=True)
                continue
            # Short of 4 ms of data (the kernel's clock) the rate is not reached.
            burst = max(16000, int(megabits_per_s * 1e6 / 8 * 0.004))
            run([*command, "replace", "dev", INTERFACE, "root", "tbf", "rate",
                 f"{megabits_per_s}mbit", "burst", str(burst), "latency", "200ms"])

    def sent_bytes(self):
        """What each host has sent over the link, headers included."""
        sent = []
        for i in range(2):
            line, = [line for line in run([*self.on(i), "cat", "/proc/net/dev"]).splitlines()
                     if line.strip().startswith(f"{INTERFACE}:")]
            sent.append(int(line.partition(":")[2].split()[8]))
        return sent

    def cut(self):
        """The link is dead: what is sent is lost."""
        run([*self.on(1), "ip", "link", "set", INTERFACE, "down"])

    def mend(self):
        for i in range(2):
            run([*self.on(i), "ip", "link", "set", INTERFACE, "up"])

    def kill(self, host):
        """Ends all that runs on a host, daemons included, by SIGKILL.

        Its kernel lives, and closes connections.
        """
        for _ in range(2):  # and what was just being started
            for pid in self.processes(host):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def lose_power(self, host):
        """As kill(), but nobody hears of it: connections stay open."""
        self._silent.touch()
        self.cut()
        self.kill(host)

    def _network_of(self, host):
        holder = self._holders[1 + host].pid
        children = pathlib.Path(f"/proc/{holder}/task/{holder}/children").read_text().split()
        return os.readlink(f"/proc/{children[0]}/ns/net")

    def processes(self, host=None):
        """name by process number, of what runs on a host, or on both."""
        found = {}
        network = None if host is None else self._network_of(host)
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(path / "ns/pid") != self._namespace:
                    continue
                if network and os.readlink(path / "ns/net") != network:
                    continue
                state = (path / "stat").read_text().rpartition(")")[2].split()[0]
                name = (path / "comm").read_text().strip()
            except OSError:
                continue
            if state != "Z" and name not in ("cat", "sleep"):
                found[int(path.name)] = name
        return found

    def close(self):
        atexit.unregister(self.close)
        for holder in self._holders[:1]:
            holder.kill()  # and with it all that runs within
        for holder in self._holders:
            holder.wait()
            for pipe in (holder.stdin, holder.stdout, holder.stderr):
                pipe.close()
        self._holders = []
        shutil.rmtree(self.folder, ignore_errors=True)
