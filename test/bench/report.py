"""Turns the raw figures of run.sh into tables, JSON and pictures.

python3 report.py RAW FOLDER [NAME=VALUE...]: RAW has lines SECTION, SERVER, CASE, NAME, VALUE, with
tabs between. Every figure shown is a median of the rounds; the spread is the least and the greatest.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import defaultdict

YARDS = {"clone3", "async", "vfork", "fork", "prefork", "warm", "echo", "splice", "udp-echo", "udp-daytime"}
# What decides: the figure of a case, and its unit.
MAIN = {
    "spawn": ("rate", "connections/s"),
    "inflated": ("rate", "connections/s"),
    "crowded": ("rate", "connections/s"),
    "programs": ("rate", "connections/s"),
    "warm": ("first50_us", "µs to the first byte, p50"),
    "echo": ("rate", "round trips/s"),
    "redirect": ("mbytes", "MB/s"),
    "udp": ("rate", "datagrams/s"),
    "idle": ("pss_kb", "kB (PSS)"),
    "memory": ("pss_kb", "kB (PSS)"),
    "start": ("ms", "ms until ready"),
}
YARD_OF = {
    "spawn": "clone3", "inflated": None, "crowded": None, "programs": "clone3", "warm": "warm", "echo": "echo",
    "redirect": "splice", "udp": "udp-",
}
LESS_IS_BETTER = {"warm", "idle", "memory", "start"}


def load(path):
    """{section: {case: {server: {figure: [values]}}}}, and what was skipped."""
    data = defaultdict(lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(list))))
    skipped = []
    with open(path, encoding="utf-8", errors="replace") as raw:
        for line in raw:
            section, server, case, name, value = line.rstrip("\n").split("\t", 4)
            if name == "skipped":
                skipped.append((section, server, value))
            else:
                data[section][case][server][name].append(float(value))
    return data, skipped


def sysctl(name):
    try:
        with open("/proc/sys/" + name, encoding="utf-8") as f:
            return f.read().strip()
    except OSError:
        return None


def machine():
    model = ""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "")
    except OSError:
        pass
    return {
        "kernel": platform.release(), "architecture": platform.machine(), "cores": os.cpu_count(), "cpu": model,
        "autogroup": sysctl("kernel/sched_autogroup_enabled"),
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
    }


class Results:
    def __init__(self, data):
        self.data = data

    def median(self, section, case, server, name):
        values = self.data.get(section, {}).get(case, {}).get(server, {}).get(name)
        return statistics.median(values) if values else None

    def cpu_us(self, section, case, server):
        """The server's own time for each connection or answer, in microseconds."""
        figures = self.data.get(section, {}).get(case, {}).get(server, {})
        pairs = [(cpu, n) for cpu, n in zip(figures.get("cpu_ns", []), figures.get("good", [])) if n > 0]
        return statistics.median(cpu / n / 1000 for cpu, n in pairs) if pairs else None

    def peers(self, section, case):
        return [s for s in self.data.get(section, {}).get(case, {}) if s not in YARDS and "+" not in s and s != "evinetd"]

    def best_peer(self, section, case, name, least=False):
        found = [(self.median(section, case, s, name), s) for s in self.peers(section, case)]
        found = [pair for pair in found if pair[0]]
        return (min(found) if least else max(found)) if found else (None, None)

    def failures(self, section, case, server):
        figures = self.data[section][case][server]
        return sum(sum(figures.get(name, [])) for name in ("wrong", "reset", "lost", "failed"))


def number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratio(a, b):
    return a / b if a is not None and b else None


def table_of(results, section, case):
    """Rows of words for one case, the head first."""
    main, unit = MAIN[section]
    servers = results.data[section][case]
    yard = YARD_OF.get(section)
    if yard == "udp-":
        yard += case.split(",")[0]
    best, _ = results.best_peer(section, case, main, section in LESS_IS_BETTER)
    best = None if case.endswith("at a rate") else best
    latency = section in ("spawn", "programs", "warm", "inflated", "crowded")
    head = ["server", unit, "from–to"]
    head += [f"/ {yard}"] if yard in servers else []
    head += ["/ best peer"] if best else []
    head += ["p50 µs", "p99 µs", "own CPU µs"] if latency else []
    head += ["failures"] if section not in ("memory", "start") else []
    rows = [head]
    order = sorted(servers, key=lambda s: -(results.median(section, case, s, main) or 0))
    if section in LESS_IS_BETTER:
        order.reverse()
    for server in order:
        value = results.median(section, case, server, main)
        values = servers[server].get(main) or [0]
        row = [server, number(value), f"{number(min(values))}–{number(max(values))}"]
        row += [number(ratio(value, results.median(section, case, yard, main)))] if yard in servers else []
        row += [number(ratio(value, best))] if best else []
        if latency:
            row += [number(results.median(section, case, server, name)) for name in ("p50_us", "p99_us")]
            row.append(number(results.cpu_us(section, case, server)))
        if "failures" in head:
            row.append(f"{results.failures(section, case, server):.0f}")
        rows.append(row)
    return rows


def bars(results):
    """(work, required, measured, reached): reached is None if it was not measured."""
    r = results
    rows = []

    def at_least(work, factor, value, base, what):
        q = ratio(value, base)
        rows.append((work, f"≥ {factor} × {what}", "-" if q is None else f"{q:.2f} ×", None if q is None else q >= factor))

    def at_most(work, factor, value, base, what):
        q = ratio(value, base)
        rows.append((work, f"≤ {factor} × {what}", "-" if q is None else f"{q:.2f} ×", None if q is None else q <= factor))

    def limit(work, most, value, unit):
        rows.append((work, f"≤ {most} {unit}", "-" if value is None else f"{number(value)} {unit}",
                     None if value is None else value <= most))

    if "spawn" in r.data:
        case, single, work = "32 clients", "1 clients", "tiny program, 32 clients, connections/s"
        own = r.median("spawn", case, "evinetd", "rate")
        at_least(work, 0.95, own, r.median("spawn", case, "clone3", "rate"), "bare clone3")
        best, name = r.best_peer("spawn", case, "rate")
        at_least(work, 1.1, own, best, f"best peer ({name})")
        at_least(work, 3.2, own, r.median("spawn", case, "xinetd", "rate"), "xinetd")
        at_most("tiny program, 1 client, p50", 1.1, r.median("spawn", single, "evinetd", "p50_us"),
                r.median("spawn", single, "clone3", "p50_us"), "bare clone3")
        best, name = r.best_peer("spawn", case, "p99_us", True)
        at_most("tiny program, 32 clients, p99", 1, r.median("spawn", case, "evinetd", "p99_us"), best,
                f"best peer ({name})")
        at_most("own CPU for a connection, 32 clients", 1.15, r.cpu_us("spawn", case, "evinetd"),
                r.cpu_us("spawn", case, "clone3"), "bare clone3")
    for section, more, work in (("inflated", "evinetd+500MB", "daemon inflated by 500 MB, connections/s"),
                                ("crowded", "evinetd+crowd", "1,000 services and 5,000 sessions, connections/s")):
        held = r.median(section, "", more, "held")
        if held is not None and held < 5000:
            work = work.replace("5,000", f"{held:.0f}")
        if section in r.data:
            at_least(work, 0.95, r.median(section, "32 clients", more, "rate"),
                     r.median(section, "32 clients", "evinetd", "rate"), "the daemon without")
    for case in ("sh", "python3"):
        if "programs" in r.data:
            best, name = r.best_peer("programs", case, "rate")
            at_least(f"{case} program, connections/s", 1, r.median("programs", case, "evinetd", "rate"), best,
                     f"best peer ({name})")
    if "warm" in r.data:
        own = r.median("warm", "python3", "evinetd+warm", "first50_us")
        bare = r.median("warm", "python3", "warm", "first50_us")
        best, name = r.best_peer("warm", "python3", "first50_us", True)
        at_most("warm python3, p50 to the first byte", 0.05, own, best, f"best peer's cold start ({name})")
        limit("warm python3, over a bare relay", 300, None if own is None or bare is None else own - bare, "µs")
    if "echo" in r.data:
        case = "1000 connections"
        own = r.median("echo", case, "evinetd", "rate")
        at_least("echo, 1,000 connections, round trips/s", 3, own, r.median("echo", case, "xinetd", "rate"), "xinetd")
        at_least("echo, 1,000 connections, round trips/s", 0.8, own, r.median("echo", case, "echo", "rate"), "bare epoll echo")
    for case in ("1 streams", "1000 streams"):
        if "redirect" in r.data:
            own = r.median("redirect", case, "evinetd", "mbytes")
            for name, factor, what in (("socat", 1, "socat"), ("xinetd", 1, "xinetd"), ("splice", 0.8, "bare splice relay")):
                at_least(f"redirect, {case}, bytes/s", factor, own, r.median("redirect", case, name, "mbytes"), what)
    if "redirect" in r.data:
        value, count = (r.median("idle", "redirects", "evinetd", name) for name in ("pss_kb", "relays"))
        limit("10,000 idle redirects" + (f" (from {count:.0f})" if count and count < 10000 else ""), 40,
              value and value / 1000 * 10000 / count, "MB")
    for case in ("echo", "daytime"):
        if "udp" in r.data:
            at_least(f"UDP {case}, datagrams/s", 0.8, r.median("udp", case, "evinetd", "rate"),
                     r.median("udp", case, f"udp-{case}", "rate"), "bare loop")
            lost = r.median("udp", f"{case}, at a rate", "evinetd", "lost")
            bare = r.median("udp", f"{case}, at a rate", f"udp-{case}", "lost")
            limit(f"UDP {case}, lost at 0.8 × the bare loop's rate", bare or 0, lost, "datagrams")
    if "memory" in r.data:
        for case, most in (("1 services", 2.5), ("500 services", 3)):
            value = r.median("memory", case, "evinetd", "pss_kb")
            limit(f"memory, idle, {case}", most, value and value / 1000, "MB")
    if "start" in r.data:
        limit("start to ready, 500 services", 100, r.median("start", "500 services", "evinetd", "ms"), "ms")
    return [(w, q, m, {None: "not measured", True: "yes", False: "no"}[reached]) for w, q, m, reached in rows]


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(w.ljust(n) if i == 0 else w.rjust(n) for i, (w, n) in enumerate(zip(row, widths))).rstrip()


def markdown(rows):
    yield "| " + " | ".join(rows[0]) + " |"
    yield "|---|" + "--:|" * (len(rows[0]) - 1)
    for row in rows[1:]:
        yield "| " + " | ".join(row) + " |"


def bar_chart(folder, name, title, label, series, rows):
    """series: names of the columns; rows: (server, value...)."""
    if not rows or not series:
        return
    with open(os.path.join(folder, name + ".dat"), "w", encoding="utf-8") as dat:
        for row in rows:
            dat.write('"%s" %s\n' % (row[0], " ".join("NaN" if v is None else f"{v:.3f}" for v in row[1:])))
    colours = ["#1f6f8b", "#e0a458"]
    plots = ", ".join(f"'{name}.dat' using {i + 2}:xtic(1) title '{s}' linecolor rgb '{colours[i]}'"
                      for i, s in enumerate(series))
    script = f"""
        set terminal svg size 900,420 font 'sans-serif,13' background '#ffffff'
        set output '{name}.svg'
        set title '{title}'
        set ylabel '{label}'
        set style data histogram
        set style histogram clustered gap 1
        set style fill solid 0.9 noborder
        set boxwidth 0.9
        set yrange [0:*]
        set grid ytics linecolor rgb '#dddddd'
        set xtics rotate by -35 nomirror noenhanced
        set key top right {'' if len(series) > 1 else 'off'}
        plot {plots}
    """
    try:
        subprocess.run(["gnuplot"], input=script, text=True, cwd=folder, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"no picture {name}: {error}", file=sys.stderr)
    os.remove(os.path.join(folder, name + ".dat"))


def pictures(folder, r):
    def ranked(section, case):
        servers = r.data.get(section, {}).get(case, {})
        return sorted(servers, key=lambda s: -(r.median(section, case, s, "rate") or 0))

    names = ranked("spawn", "32 clients")
    bar_chart(folder, "spawn", "Connections a second, a tiny program for each", "connections/s", ["32 clients", "1 client"],
              [(s, r.median("spawn", "32 clients", s, "rate"), r.median("spawn", "1 clients", s, "rate")) for s in names])
    by_p99 = sorted(names, key=lambda s: r.median("spawn", "32 clients", s, "p99_us") or 0)
    bar_chart(folder, "p99", "The slowest hundredth of connections begins here, 32 clients", "ms",
              ["p99"], [(s, (r.median("spawn", "32 clients", s, "p99_us") or 0) / 1000) for s in by_p99])
    slower = {}
    for section, suffix in (("inflated", "+500MB"), ("crowded", "+crowd")):
        for server in r.data.get(section, {}).get("32 clients", {}):
            if server.endswith(suffix):
                plain = server[:-len(suffix)]
                share = ratio(r.median(section, "32 clients", server, "rate"), r.median(section, "32 clients", plain, "rate"))
                slower.setdefault(plain, {})[section] = share and share * 100
    columns = {"inflated": "500 MB more memory", "crowded": "1,000 idle services (evinetd: and 5,000 sessions)"}
    there = [c for c in columns if any(v.get(c) for v in slower.values())]
    bar_chart(folder, "large", "What is left of the rate when the daemon is large", "% of the usual rate",
              [columns[c] for c in there], [(s, *(v.get(c) for c in there)) for s, v in slower.items()])


def main():
    raw, folder = sys.argv[1:3]
    facts = dict(word.split("=", 1) for word in sys.argv[3:])
    data, skipped = load(raw)
    results = Results(data)
    here = machine()
    about = (f"{here['cores']} cores ({here['cpu']}), Linux {here['kernel']}, {here['date']}: {facts['rounds']} rounds of "
             f"{facts['seconds']} s each, interleaved; medians, least and greatest; {facts['took']} s in all; load average {facts['load_before']} before")
    text, md = [about, ""], [about, ""]
    reached = [("work", "required", "measured", "reached")] + bars(results)
    for section, (_, unit) in MAIN.items():
        for case in data.get(section, {}):
            if not case:
                continue
            rows = table_of(results, section, case)
            text += [f"{section}, {case.replace('1 clients', '1 client').replace('1 streams', '1 stream')}: {unit}"]
            text += ["  " + line for line in aligned(rows)] + [""]
            md += [f"**{section}, {case}**", ""] + list(markdown(rows)) + [""]
    notes = [f"{section}: {server}: {why}" for section, server, why in skipped]
    text += ["  " + line for line in aligned(reached)] + [""]
    md = md[:2] + list(markdown(reached)) + [""] + md[2:]
    if notes:
        text += ["Not measured:"] + ["  " + line for line in notes] + [""]
        md += ["Not measured:", ""] + ["- " + line for line in notes] + [""]
    starts, ends = (results.median("log", "", "evinetd", name) or 0 for name in ("starts", "ends"))
    text.append(f"evinetd's log: {starts:.0f} sessions started, {ends:.0f} ended")
    md.append(f"evinetd's log: {starts:.0f} sessions started, {ends:.0f} ended.")
    print("\n".join(text))
    with open(os.path.join(folder, "results.md"), "w", encoding="utf-8") as f:
        f.write("\n".join(md) + "\n")
    with open(os.path.join(folder, "results.json"), "w", encoding="utf-8") as f:
        json.dump({"machine": here, "run": facts, "figures": data,
                   "bars": [dict(zip(reached[0], row)) for row in reached[1:]],
                   "skipped": [dict(zip(("section", "server", "why"), s)) for s in skipped]}, f, indent=1, ensure_ascii=False)
    pictures(folder, results)


main()
