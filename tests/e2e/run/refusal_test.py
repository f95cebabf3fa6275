"""Exit 3: what the environment refuses is named, with its cause and what to do about it."""
import ctypes
import os
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import e2e  # noqa: E402

SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 2, 38, 22
RET_ERRNO, RET_ALLOW = 0x00050000, 0x7FFF0000
IO_URING_SETUP = 425  # on every architecture
LOAD_NUMBER, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06


def refuse_rings(number):
    """What a container runtime's filter does: io_uring_setup gives an error, everything else is allowed."""
    code = [(LOAD_NUMBER, 0, 0, 0), (JUMP_EQUAL, 0, 1, IO_URING_SETUP), (RETURN, 0, 0, RET_ERRNO | number),
            (RETURN, 0, 0, RET_ALLOW)]
    text = b"".join(struct.pack("HBBI", *instruction) for instruction in code)
    memory = ctypes.create_string_buffer(text, len(text))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(memory)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0):
        os._exit(99)


def filters_work():
    return subprocess.run(["true"], preexec_fn=lambda: refuse_rings(1), check=False).returncode == 0


class Refused(e2e.Case):

    def refused(self, arguments, number):
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False,
                              preexec_fn=lambda: refuse_rings(number))
        self.no_sanitizer(done.stderr)
        return done

    def test_a_run_without_io_uring(self):
        if not filters_work():
            self.skipTest("this kernel takes no seccomp filter")
        file = self.write(e2e.scenario("closed"))
        for number, name, cause in ((1, "EPERM", "seccomp"), (38, "ENOSYS", "kernel"), (12, "ENOMEM", "memlock")):
            done = self.refused(self.arguments(file), number)
            self.assertEqual(3, done.returncode, done.stderr)
            for word in ("io_uring", name, cause, "--clock virtual"):
                self.assertIn(word.lower(), done.stderr.lower())
            self.assertFalse((self.folder / "out" / "closed-7-wall" / "result.json").exists())
        done = self.refused(self.arguments(file, clock="virtual"), 1)
        self.assertEqual(0, done.returncode, done.stderr)

    def test_the_other_commands_without_io_uring(self):
        if not filters_work():
            self.skipTest("this kernel takes no seccomp filter")
        rack = self.write(e2e.EIGHT_SLOTS, "rack.json")
        for arguments in (["emulate", rack, "--listen", "127.0.0.1:0"], ["doctor"]):
            done = self.refused([e2e.BINARY, *arguments], 1)
            self.assertEqual(3, done.returncode, done.stdout + done.stderr)
            self.assertIn("seccomp", done.stdout + done.stderr)
        for arguments in (["plan", self.write(e2e.scenario())], ["compile", rack], ["faults"]):
            self.assertEqual(0, self.refused([e2e.BINARY, *arguments], 1).returncode)

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = subprocess.run([e2e.BINARY, "emulate", self.write(e2e.EIGHT_SLOTS, "rack.json"), "--listen",
                                   f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=30, check=False)
        self.assertIn(done.returncode, (3,), done.stderr)
        self.assertIn(str(port), done.stderr)
        self.no_sanitizer(done.stderr)

    def test_a_folder_that_cannot_be_written(self):
        file = self.write(e2e.scenario())
        for out in ("/dev/null/results", "/proc/lpuchaos"):
            for clock in ("wall", "virtual"):
                done = subprocess.run([e2e.BINARY, "run", file, "--clock", clock, "--out", out], capture_output=True,
                                      text=True, timeout=30, check=False)
                self.assertEqual(3, done.returncode, done.stderr)
                self.assertIn(out, done.stderr)
                self.no_sanitizer(done.stderr)

    def test_a_report_that_cannot_be_written(self):
        done = self.run_files(self.write(e2e.scenario()), "--junit", "/dev/null/all.xml", clock="virtual", codes=(3,))
        self.assertIn("/dev/null", done.stderr)


if __name__ == "__main__":
    e2e.main(needs_ring=False)
