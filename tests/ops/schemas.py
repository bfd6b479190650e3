"""Holds `tenon ops` against the schemas of the onnx package: each operator of ONNX's domains, from its first version on, in
each type of its first input, is either supported or stands in not_supported.txt with a reason; and what stands there is not
supported.

    python3 tests/ops/schemas.py TENON        needs onnx
"""
import collections
import json
import os
import subprocess
import sys

from onnx import defs

ANY = 2**31 - 1
WITHDRAWN = {"Scatter": "ScatterElements", "Upsample": "Resize"}  # read as the operator that took over
OLDER = {"Scan"}  # the row has the version whose form it is; older files are rewritten
CONSTANTS = {"Constant"}  # an importer's business, no row


def schemas():
    """(domain, name): the schemas of all versions, oldest first"""
    found = collections.defaultdict(list)
    for s in defs.get_all_schemas_with_history():
        found[s.domain, s.name].append(s)
    return {k: sorted(v, key=lambda s: s.since_version) for k, v in found.items()}


def tensors_of(versions):
    """The element types that input 0 has in any version."""
    types = {t for s in versions if s.inputs for t in s.inputs[0].types}
    return {t[len("tensor(") : -1] for t in types if t.startswith("tensor(")}


def gaps_of(versions, row):
    """What is not supported of an operator that has a row."""
    newest = versions[-1]
    for t in sorted(tensors_of(versions) - set(row["types"].split(", "))):
        yield t
    if row["since"] > versions[0].since_version and row["name"] not in OLDER:
        yield f"version-{versions[0].since_version}"
    if row["min_inputs"] > newest.min_input or (row["max_inputs"] >= 0 and row["max_inputs"] < min(newest.max_input, ANY)):
        yield f"inputs-{newest.min_input}-{newest.max_input}"


def found_gaps(rows):
    for (domain, name), versions in schemas().items():
        label = f"{domain}.{name}" if domain else name
        if (domain, name) in rows:
            for gap in gaps_of(versions, rows[domain, name]):
                yield label, gap
        elif name not in CONSTANTS and not (name in WITHDRAWN and ("", WITHDRAWN[name]) in rows):
            yield label, "all"


def listed_gaps(path):
    """Lines "GAP GAP ...: OPERATOR OPERATOR ...", each followed by its reason behind #."""
    for number, line in enumerate(open(path), 1):
        what, _, reason = line.partition("#")
        if not what.strip():
            continue
        gaps, colon, operators = what.partition(":")
        if not colon or not reason.strip():
            sys.exit(f"{path}:{number}: a line is GAP ...: OPERATOR ...  # REASON")
        yield from ((o, g) for o in operators.split() for g in gaps.split())


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    rows = json.loads(subprocess.run([sys.argv[1], "ops", "--format", "json"], check=True, capture_output=True, text=True).stdout)
    found = set(found_gaps({(r["domain"], r["name"]): r for r in rows}))
    listed = set(listed_gaps(os.path.join(here, "not_supported.txt")))
    for operator, gap in sorted(found - listed):
        print(f"{operator}: {gap} is not supported, and not_supported.txt does not say so")
    for operator, gap in sorted(listed - found):
        print(f"{operator}: {gap} is in not_supported.txt, but is supported or unknown to ONNX; take it out")
    print(f"{len(schemas())} operators of ONNX, {len({o for o, g in found if g == 'all'})} not supported, {len(found)} gaps in all")
    sys.exit(found != listed)


main()
