"""Makes the known-failure files of clients and the page of what was found at them, and why that is wrong.

  python3 clients_report.py FOLDER NAME...    with FOLDER/NAME/conform.json and known.json of each

What a person has judged stands in conformance/known/clients.why.json: a list of {"clients": [NAME, ..], "cases": PATTERN,
"clauses": PATTERN, "title": .., "why": ..}, of which the first that fits counts; "clauses" may be missing. Out come
conformance/known/NAME.json and, on standard output, the page. A failure that nobody has judged, or a judgement of nothing,
ends with exit code 1, and nothing is written.
"""

import fnmatch
import json
import pathlib
import sys

folder, names = pathlib.Path(sys.argv[1]), sys.argv[2:]
found = {name: json.loads((folder / name / "conform.json").read_text()) for name in names}
judged = json.loads(pathlib.Path("conformance/known/clients.why.json").read_text())
sentences = {}
for file in sorted(pathlib.Path("conformance/catalogue").glob("*.json")):
    content = json.loads(file.read_text())
    for clause in content.get("clauses", []) if isinstance(content, dict) else content:
        if "sentence" in clause:
            sentences[clause["id"]] = clause["sentence"]


def fits(one, name, failure):
    return (name in one["clients"] and fnmatch.fnmatchcase(failure["case"], one["cases"])
            and fnmatch.fnmatchcase(failure["clause"], one.get("clauses", "*")))


judgement = {}  # (name, number) -> failures
open_ = []
for name in names:
    for failure in json.loads((folder / name / "known.json").read_text())["known"]:
        number = next((number for number, one in enumerate(judged) if fits(one, name, failure)), None)
        if number is None:
            open_.append(f"not judged: {name} {failure['case']} {failure['clause']}: {failure['reason']}")
        else:
            judgement.setdefault((name, number), []).append(failure)
open_ += [f"judges nothing: {name} {one['cases']} {one.get('clauses', '*')}" for number, one in enumerate(judged)
          for name in one["clients"] if name in names and (name, number) not in judgement]
if open_:
    sys.exit("\n".join(open_))

for name in names:
    known = sorted(({"case": failure["case"], "clause": failure["clause"], "reason": judged[number]["title"]}
                    for (whose, number), failures in judgement.items() if whose == name for failure in failures),
                   key=lambda one: (one["case"], one["clause"]))
    rows = ",\n".join("  " + json.dumps(one) for one in known)
    pathlib.Path(f"conformance/known/{name}.json").write_text(
        '{"target": %s, "known": [\n%s\n]}\n' % (json.dumps(found[name]["target"]), rows))


def cell(result, clause):
    entry = result["clauses"].get(clause)
    if entry is None:
        return ""
    failed = entry["fail"] + entry["known"]
    if failed:
        return f"**{failed} of {failed + entry['pass']} fail**"
    return "pass" if entry["pass"] else "undecided"


# The page, by what its clients speak.
pages = [(("-ws",), "clients-websocket", "Clients and devices within WebSockets"),
         (("-amqp", "-http"), "clients-amqp-http", "Devices under test that speak AMQP or HTTP")]
page, heading = next(((page, heading) for ends, page, heading in pages if all(name.endswith(ends) for name in names)),
                     ("clients", "Clients and devices under test"))
mine = "" if page == "clients" else " ".join(names) + " "
command = f"tools/clients --adjudicate {mine}> reports/conformance/{page}.md"
print(f"# {heading}\n")
print(f"Made by `{command}`. A person judged each kind of failure at each client by the bytes")
print("of a case, which stand here: it is a departure of the client, under the statements that are named. With `conformance/known/NAME.json`,")
print("which lists all failures, `tools/clients` passes, until one more fails or one of them passes. How a case is played:")
print("`hubproof list cases`, `conformance/devices/cases`.\n")
print("| client | NAME | cases that apply | passed | failed | could not decide | departures |\n|---|---|---:|---:|---:|---:|---:|")
for name in names:
    cases = [case["verdict"] for case in found[name]["cases"] if case["verdict"] != "not_applicable"]
    departures = len({judged[number]["title"] for whose, number in judgement if whose == name})
    print(f"| {found[name]['target']} | {name} | {len(cases)} | {cases.count('pass')} | {cases.count('fail')} | {cases.count('inconclusive')} | {departures} |")

print("\n## Statements and clients\n")
print("A cell counts the cases that decided the statement at that client; an empty one: no case that applies to it does.\n")
print("| statement | " + " | ".join(found[name]["target"] for name in names) + " |")
print("|---|" + "---|" * len(names))
for clause in sorted({clause for result in found.values() for clause in result["clauses"]}):
    print(f"| {clause} | " + " | ".join(cell(found[name], clause) for name in names) + " |")

print("\n## What could not be decided\n")
for name in names:
    for case in found[name]["cases"]:
        if case["verdict"] == "inconclusive":
            reasons = [case["missing"]] if case.get("missing") else []
            reasons += [outcome["what"] for outcome in case.get("clauses", {}).values()
                        if outcome["verdict"] == "inconclusive" and outcome.get("what")]
            print(f"- {found[name]['target']}, `{case['name']}`: {reasons[0] if reasons else 'it does not say'}")

for name in names:
    mine = sorted(number for whose, number in judgement if whose == name)
    if not mine:
        continue
    print(f"\n## {found[name]['target']}")
    cases = {case["name"]: case for case in found[name]["cases"]}
    for number in mine:
        failures = judgement[name, number]
        print(f"\n### {judged[number]['title']}\n")
        for clause in sorted({failure["clause"] for failure in failures}):
            print(f"- `{clause}` {sentences.get(clause, '')}")
        failed = sorted({failure["case"] for failure in failures})
        evidence = min((cases[case] for case in failed), key=lambda case: len(case.get("transcript", [])))
        print(f"\n{judged[number]['why']}\n\n`{evidence['name']}`, {evidence['sentence']}:\n")
        lines = [line for line in evidence.get("transcript", [])
                 if not any(word in line for word in ('{"did":"hello"', '{"did":"echo"', '{"do":"echo"', '{"do":"quit"'))]
        for line in lines[:4] + (["         ..."] if len(lines) > 24 else []) + lines[max(4, len(lines) - 20):]:
            print("    " + line.replace("\x00", "\\0").replace(f"{pathlib.Path.cwd()}/", ""))
        more = [case for case in failed if case != evidence["name"]]
        if more:
            print("\nAlso: " + ", ".join(f"`{case}`" for case in more) + ".")
