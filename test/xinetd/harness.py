"""Runs one script of a client against xinetd and against evinetd under the name xinetd, with the same
configuration, and compares what the client saw and what the log says.

A case is a function with a configuration:

    @case("a client past the limit is refused", CONF)
    def _(t):
        first = t.connect(1)
        first.ask(b"x")
        t.see("second", t.ask(2, b"y"))

t.see() notes what both have to agree on; the lines of the service log are compared as well. What is
meant to differ is named: @case(..., differs={"B16": "why"}), and then t.only("xinetd", ...) and
t.only("evinetd", ...) say what each is expected to do.

In a configuration and in arguments, @P1@ to @P9@ are free ports and @DIR@ is a folder of the case.
"""
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

CASES = []
PATIENCE = float(os.environ.get("PATIENCE", "20"))


class Case:
    def __init__(self, name, conf, run, differs, options, group, logs):
        self.name, self.conf, self.run = name, conf, run
        self.differs, self.options, self.group, self.logs = differs or {}, options, group, logs


def case(name, conf, differs=None, options=(), logs=True):
    """logs=False: the lines of the service log are not compared."""
    def add(run):
        group = os.path.splitext(os.path.basename(run.__code__.co_filename))[0]
        CASES.append(Case(name, conf, run, differs, list(options), group, logs))
        return run
    return add


class Failure(Exception):
    pass


class Client:
    """One connection. Each step has the suite's patience and no more."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(PATIENCE)

    def send(self, data):
        self.sock.sendall(data)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def line(self):
        data = b""
        while not data.endswith(b"\n"):
            byte = self.recv(1)
            if not byte:
                break
            data += byte
        return data

    def recv(self, size=65536):
        try:
            return self.sock.recv(size)
        except ConnectionResetError:
            return b""

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.recv(size - len(data))
            if not more:
                break
            data += more
        return data

    def ask(self, data):
        self.send(data)
        return self.read(len(data))

    def rest(self):
        """All up to the end: the data, or the data and "(reset)"."""
        data = b""
        while True:
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                return data + b"(reset)"
            except socket.timeout:
                return data + b"(no end)"
            if not more:
                return data
            data += more

    def quiet(self, seconds=0.3):
        """Nothing comes, not even the end."""
        self.sock.settimeout(seconds)
        try:
            return "said" if self.sock.recv(1) else "ended"
        except socket.timeout:
            return "quiet"
        except ConnectionResetError:
            return "reset"
        finally:
            self.sock.settimeout(PATIENCE)

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


class Run:
    """One server with one case."""

    def __init__(self, kind, program, env, the_case, port):
        self.kind, self.program, self.env, self.case = kind, program, env, the_case
        self.port0 = port
        self.dir = tempfile.mkdtemp(prefix="evinet-diff-")
        os.chmod(self.dir, 0o755)
        self.seen = []
        self.expected = []
        self.process = None
        self.clients = []
        self.log = self.path("log")
        self.messages = self.path("messages")
        self.helpers = []
        self.mounts = []

    # --- the server ---

    def path(self, name):
        return os.path.join(self.dir, name)

    def fill(self, text):
        text = text.replace("@DIR@", self.dir)
        return re.sub(r"@P(\d)@", lambda m: str(self.port0 + int(m.group(1))), text)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(self.fill(text).encode() if isinstance(text, str) else text)
        os.chmod(path, mode)
        return path

    def start(self, conf=None):
        if conf is not None or not os.path.exists(self.path("conf")):
            self.write("conf", self.case.conf if conf is None else conf)
        command = [self.program, "-dontfork", "-stayalive", "-filelog", self.messages,
                   "-pidfile", self.path("pid"), "-f", self.path("conf")]
        command += [self.fill(o) for o in self.case.options]
        with open(self.path("stderr"), "ab") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                                            env=self.env, start_new_session=True)
        self.wait("ready", lambda: "Started working" in self.text(self.messages))

    def signal(self, sig):
        self.process.send_signal(sig)

    def reload(self, conf):
        before = self.text(self.messages).count("Reconfigured:")
        self.write("conf", conf)
        self.signal(signal.SIGHUP)
        self.wait("reloaded", lambda: self.text(self.messages).count("Reconfigured:") > before)

    def exit_status(self):
        return self.process.wait(PATIENCE)

    def stop(self):
        for c in self.clients:
            c.close()
        for h in self.helpers:
            h.kill()
            h.wait()
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure("did not end after TERM") from None
        self.end_of_session()

    def end_of_session(self):
        """xinetd leaves its servers behind (B15)."""
        if not self.process:
            return
        mark = ("DIFFERENTIAL=%s" % self.dir).encode()
        left = [pid for pid in os.listdir("/proc") if pid.isdigit() and self.belongs(pid, mark)]
        for pid in left:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except OSError:
                pass
        # They may have the sockets that the other server needs.
        self.wait("end", lambda: not any(self.belongs(pid, mark) for pid in left))

    @staticmethod
    def belongs(pid, mark):
        try:
            with open("/proc/%s/environ" % pid, "rb") as f:
                return mark in f.read()
        except OSError:
            return False

    def clean(self):
        for over in self.mounts:
            subprocess.run(["umount", over], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- signs ---

    def wait(self, what, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.process and self.process.poll() is not None and what != "end":
                if condition():
                    return
                raise Failure("%s: ended with %s while waiting for: %s\n%s" % (
                    self.kind, self.process.returncode, what,
                    self.text(self.path("stderr")) + self.text(self.messages)))
            if time.monotonic() > end:
                raise Failure("%s: waited in vain for: %s\n%s%s" % (
                    self.kind, what, self.text(self.log), self.text(self.messages)))
            time.sleep(0.005)

    @staticmethod
    def text(path):
        try:
            with open(path, "rb") as f:
                return f.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def wait_log(self, pattern, times=1):
        self.wait("log %s x%d" % (pattern, times),
                  lambda: len(re.findall(pattern, self.text(self.log))) >= times)

    def wait_message(self, pattern, times=1):
        self.wait("message %s x%d" % (pattern, times),
                  lambda: len(re.findall(pattern, self.text(self.messages))) >= times)

    # --- the client ---

    def port(self, n):
        return self.port0 + n

    def connect(self, n, host="127.0.0.1", source=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(PATIENCE)
        if source:
            sock.bind((source, 0))
        try:
            sock.connect((host, self.port(n)))
        except OSError:
            sock.close()
            raise
        client = Client(sock)
        self.clients.append(client)
        return client

    def ask(self, n, data=b"", host="127.0.0.1", source=None):
        """One question and all of the answer; or what went wrong, in a word."""
        try:
            c = self.connect(n, host, source)
            try:
                if data:
                    c.send(data)
                c.half_close()
            except (BrokenPipeError, ConnectionResetError):
                pass
            except OSError as e:
                if e.errno != errno.ENOTCONN:
                    raise
            answer = c.rest()
            c.close()
            return answer
        except OSError as e:
            return errno.errorcode.get(e.errno, str(e))

    def refused(self, n, **how):
        """Whether a client gets no service: no connection, or one that ends without a byte."""
        answer = self.ask(n, b"x", **how)
        return isinstance(answer, str) or answer in (b"", b"(reset)")

    def datagram(self, n, data, host="127.0.0.1", source=None, timeout=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout or PATIENCE)
            if source:
                sock.bind((source, 0))
            sock.connect((host, self.port(n)))
            sock.send(data)
            try:
                return sock.recv(65536)
            except OSError as e:
                return type(e).__name__ if timeout is None else "nothing"

    def helper(self, *command):
        p = subprocess.Popen([self.fill(c) for c in command], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.env)
        self.helpers.append(p)
        return p

    # --- what is compared ---

    def see(self, what, value):
        self.seen.append((what, value))

    def only(self, kind, what, value, expected):
        """What one of them is known to do, and the other does not."""
        if kind == self.kind:
            self.expected.append((what, value, expected))

    def children(self):
        """Programs that the server has started and that run."""
        path = "/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)
        with open(path, encoding="ascii") as f:
            return f.read().split()

    def log_lines(self):
        """The service log without times and process numbers, in no order: programs race."""
        lines = []
        for line in self.text(self.log).splitlines():
            if not re.match(r"\d\d/\d+/\d+@\d\d:\d\d:\d\d: ", line):
                lines.append("NO STAMP " + line)
                continue
            line = line.split(": ", 1)[1]
            # Where xinetd forks a copy of itself to serve, evinetd needs no process: pid=0.
            number = r"\d+" if self.case.group == "internals" else r"[1-9]\d*"
            line = re.sub(r"\bpid=" + number, "pid=N", line)
            line = re.sub(r"duration=\d+\(sec\)", "duration=N(sec)", line)
            line = line.replace("from=::ffff:", "from=")
            lines.append(line.replace(self.dir, "@DIR@"))
        return sorted(lines)


def service(name, head="", **given):
    """An entry with what every one needs; None leaves an attribute out. Keys with a doubled name
    (a list) stand several times."""
    attributes = {
        "type": "UNLISTED", "flags": "IPv4", "socket_type": "stream", "protocol": "tcp", "port": "@P1@",
        "wait": "no", "user": "root", "log_type": "FILE @DIR@/log",
        "log_on_success": "PID HOST EXIT DURATION", "log_on_failure": "HOST",
    }
    if not given.get("server") and not given.get("redirect") and "INTERNAL" not in given.get("type", ""):
        attributes.update({"server": "/bin/cat"})
    attributes.update(given)
    lines = []
    for key, value in attributes.items():
        for v in value if isinstance(value, list) else [value]:
            if v is None:
                continue
            v = str(v)
            lines.append("\t%s %s" % (key, v if v[:2] in ("+=", "-=", "= ") or v == "=" else "= " + v))
    return "%sservice %s\n{\n%s\n}\n" % (head, name, "\n".join(lines))
