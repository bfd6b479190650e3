#!/usr/bin/env python3
"""Makes the table of RESULTS.md from what ../shared/bench/compare.py has measured; run.sh calls it.

    table.py [--into RESULTS.md] [--commit C] [--cc TEXT] NAME=FILE.json...

With --into the section goes in front of the older ones; without, it is printed. The last line of output has the ratios.
"""

import argparse
import datetime
import json
import pathlib


def read_bars():
    """The bars of models.txt: by name, for one and two threads."""
    bars = {}
    for line in (pathlib.Path(__file__).parent / "models.txt").read_text().splitlines():
        words = line.split()
        if words and not line.startswith("#"):
            bars[words[0]] = {1: words[2], 2: words[3]}
    return bars


def figure(result, key, form):
    """One cell; a contender that failed has none."""
    return form.format(result[key]) if result.get(key) is not None else "-"


def rows_of(name, report, bars):
    """A row for each contender beside the yardstick and number of threads."""
    for run in report["runs"]:
        yardstick, *others = run["contenders"]
        for other in others:
            failed = other.get("failed") or yardstick.get("failed")
            paired = f"failed: {failed}" if failed else f"{other['paired_ratio']:.2f} +- {other['spread']:.0%}"
            yield [
                name,
                str(run["threads"]),
                other["label"],
                figure(yardstick, "median_ms", "{:.3f}"),
                figure(other, "median_ms", "{:.3f}"),
                paired,
                bars.get(name, {}).get(run["threads"], "-"),
                figure(other, "compile_s", "{:.1f}"),
                figure(other, "max_rel_error", "{:.1e}"),
            ]


def section(options, reports, rows):
    """The Markdown of one run."""
    first = reports[0][1]
    here, settings = first["machine"], first["settings"]
    versions = {c["label"]: c.get("version", "?") for _, r in reports for run in r["runs"] for c in run["contenders"]}
    lines = [
        f"## {datetime.date.today()}, {len(reports)} models, commit {options.commit}",
        "",
        f"Machine: {here['processor']}, {here['cores']} cores, {' '.join(here['features'])}; {options.cc}. "
        + ", ".join(f"{label} {version}" for label, version in versions.items())
        + f". {settings['rounds']} rounds; {options.skipped} models skipped. By `tests/bench/run.sh`.",
        "",
        "| model | threads | contender | yardstick ms | ms | paired | bar | compile s | largest relative error |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n\n"


def main():
    """Prints the section, or puts it into the file; then the ratios in a line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--into", type=pathlib.Path)
    parser.add_argument("--commit", default="unknown")
    parser.add_argument("--cc", default="?")
    parser.add_argument("--skipped", default="0")
    parser.add_argument("reports", nargs="+", metavar="NAME=FILE")
    options = parser.parse_args()
    reports = []
    for item in options.reports:
        name, path = item.split("=", 1)
        reports.append((name, json.loads(pathlib.Path(path).read_text())))
    bars = read_bars()
    rows = [row for name, report in reports for row in rows_of(name, report, bars)]
    text = section(options, reports, rows)
    if options.into:
        old = options.into.read_text()
        at = old.find("\n## ") + 1 if "\n## " in old else len(old)
        options.into.write_text(old[:at] + text + old[at:])
    else:
        print(text)
    print("paired: " + ", ".join(f"{row[0]}/{row[1]} {row[5].split(' +-')[0]}" for row in rows))


if __name__ == "__main__":
    main()
