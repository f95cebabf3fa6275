"""Network namespaces of a test's own: two nodes joined by a veth pair, gone with the test.

As root they are made with CAP_SYS_ADMIN, as anybody else in an unprivileged user namespace. Nothing is named in /run/netns and
nothing of the machine's own network is touched: a namespace lives as long as the process that holds it, `sleep` with a limit."""
import os
import shutil
import subprocess
import time

HOLD_SECONDS = "300"
ROOT = os.geteuid() == 0
UNSHARE = ["unshare", "-n"] if ROOT else ["unshare", "-Urn"]


def lacks(*tools):
    """Why these tests cannot be made here, or None."""
    missing = [t for t in ("unshare", "nsenter", "ip", *tools) if not shutil.which(t)]
    if missing:
        return f"{', '.join(missing)} missing"
    done = subprocess.run([*UNSHARE, "ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"], capture_output=True, text=True,
                          check=False)
    return None if done.returncode == 0 else f"no network namespaces: {done.stderr.strip()}"


class Node:
    """One namespace. `near`: another node whose user namespace it shares."""

    def __init__(self, case, near=None):
        before = os.readlink("/proc/self/ns/net") if near is None else os.readlink(f"/proc/{near.holder.pid}/ns/net")
        command = UNSHARE if near is None else [*near.enter, "unshare", "-n"]
        self.holder = subprocess.Popen([*command, "sleep", HOLD_SECONDS])
        case.addCleanup(self.end)
        self.enter = ["nsenter", "-t", str(self.holder.pid), "-n"]
        if not ROOT:
            self.enter = ["nsenter", "-t", str(self.holder.pid), "-U", "--preserve-credentials", "-n"]
        here = os.readlink("/proc/self/ns/net")
        deadline = time.monotonic() + 20
        while self.name() in (before, here, None) or self.command() != "sleep":
            if time.monotonic() > deadline or self.holder.poll() is not None:
                raise RuntimeError("no namespace was made")
            time.sleep(0.01)
        self.run("ip", "link", "set", "lo", "up")

    def command(self):
        try:
            with open(f"/proc/{self.holder.pid}/comm", encoding="ascii") as f:
                return f.read().strip()
        except OSError:
            return None

    def name(self):
        try:
            return os.readlink(f"/proc/{self.holder.pid}/ns/net")
        except OSError:
            return None

    def end(self):
        self.holder.kill()
        self.holder.wait()

    def run(self, *arguments, **more):
        """To its end, which must be a good one."""
        more = {"check": True, "timeout": 60, "stdout": subprocess.DEVNULL, **more}
        return subprocess.run([*self.enter, *arguments], **more)


def pair(case):
    """Two nodes, a and b, joined by va and vb: 10.9.0.1 and fd09::1 on a, 10.9.1.1 and fd09:0:0:1::1 on b."""
    a = Node(case)
    b = Node(case, near=a)
    a.run("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb", "netns", str(b.holder.pid))
    for node, link, number in ((a, "va", 0), (b, "vb", 1)):
        node.run("ip", "address", "add", f"10.9.{number}.1/16", "dev", link)
        node.run("ip", "address", "add", f"fd09:0:0:{number}::1/48", "dev", link, "nodad")
        node.run("ip", "link", "set", link, "up")
    return a, b
