#!/usr/bin/env python3
"""compare.py XINETD EVINETD [PATTERN]: every case against both, in namespaces of their own.

Prints TAP, and closes with "N passed, N failed". With --only=xinetd or --only=evinetd only that
one is run, and what it did is printed.
"""
import ctypes
import glob
import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import traceback

import harness

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
HERE = os.path.dirname(os.path.abspath(__file__))


def load_cases():
    sys.path.insert(0, os.path.join(HERE, "cases"))
    for path in sorted(glob.glob(os.path.join(HERE, "cases", "*.py"))):
        importlib.import_module(os.path.basename(path)[:-3])


def own_world():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | CLONE_NEWNS) < 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "multicast", "on"], check=True)


def run_one(kind, program, libraries, the_case, port):
    env = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID")}
    if libraries:
        env["LD_LIBRARY_PATH"] = libraries
    run = harness.Run(kind, program, env, the_case, port)
    run.env["DIFFERENTIAL"] = run.dir
    problem = None
    try:
        try:
            if not getattr(the_case.run, "starts", False):
                run.start()
            the_case.run(run)
        finally:
            run.stop()
    except Exception:
        problem = "%s\n--- messages\n%s--- log\n%s--- stderr\n%s" % (
            traceback.format_exc(), run.text(run.messages), run.text(run.log), run.text(run.path("stderr")))
    logs = run.log_lines()
    run.clean()
    return {"problem": problem, "seen": run.seen, "expected": run.expected, "log": logs}


def compare(the_case, results):
    """What is wrong, as lines; none if all is as it should be."""
    wrong = []
    for kind, r in results.items():
        if r["problem"]:
            wrong += ["%s: %s" % (kind, line) for line in r["problem"].splitlines()]
        for what, value, expected in r["expected"]:
            if value != expected:
                wrong.append("%s: %s is %r, expected %r" % (kind, what, value, expected))
    if wrong or len(results) < 2:
        return wrong
    x, e = results["xinetd"], results["evinetd"]
    if [w for w, _ in x["seen"]] != [w for w, _ in e["seen"]]:
        return ["not the same was looked at: %r, %r" % (x["seen"], e["seen"])]
    for (what, a), (_, b) in zip(x["seen"], e["seen"]):
        if a != b:
            wrong.append("%s: xinetd %r, evinetd %r" % (what, a, b))
    if the_case.logs and x["log"] != e["log"]:
        wrong.append("the logs differ")
        wrong += ["  xinetd:  " + line for line in x["log"]]
        wrong += ["  evinetd: " + line for line in e["log"]]
    if not x["seen"] and not x["expected"] and not (the_case.logs and x["log"]):
        wrong.append("the case compares nothing")
    return wrong


def work(job):
    index, programs, libraries = job
    the_case = harness.CASES[index]
    results = {}
    for kind, program in programs.items():
        results[kind] = run_one(kind, program, libraries if kind == "xinetd" else "", the_case,
                                20000 + index * 20)
    return index, compare(the_case, results), results


def main():
    only = [a.split("=", 1)[1] for a in sys.argv[1:] if a.startswith("--only=")]
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    xinetd, evinetd, pattern = args[0], args[1], args[2] if len(args) > 2 else ""
    root = xinetd[: -len("/usr/sbin/xinetd")]
    libraries = ":".join(glob.glob(root + "/usr/lib/*-linux-*") + glob.glob(root + "/lib/*-linux-*"))
    load_cases()
    with tempfile.TemporaryDirectory() as names:
        link = os.path.join(names, "xinetd")
        os.symlink(os.path.abspath(evinetd), link)
        programs = {"xinetd": xinetd, "evinetd": link}
        programs = {k: v for k, v in programs.items() if not only or k in only}
        jobs = [(i, programs, libraries) for i, c in enumerate(harness.CASES)
                if pattern in "%s: %s" % (c.group, c.name)]
        passed = failed = 0
        with multiprocessing.Pool(os.cpu_count(), own_world) as pool:
            for index, wrong, results in pool.imap_unordered(work, jobs):
                c = harness.CASES[index]
                for number, why in sorted(c.differs.items()):
                    wrong += [] if why else ["%s has no reason" % number]
                named = "".join(" [%s: %s]" % d for d in sorted(c.differs.items()))
                print("%sok %d %s: %s%s" % ("not " if wrong else "", index + 1, c.group, c.name, named))
                for line in wrong:
                    print("#   " + line)
                if only:
                    for kind, r in results.items():
                        print("#   %s saw %r log %r" % (kind, r["seen"], r["log"]))
                sys.stdout.flush()
                passed += not wrong
                failed += bool(wrong)
    print("%d passed, %d failed" % (passed, failed))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
