"""Writes what hubproof conform --device found at several clients as one page: python3 clients_report.py FOLDER NAME..."""

import json
import sys

folder, names = sys.argv[1], sys.argv[2:]
found = {name: json.load(open(f"{folder}/{name}/conform.json")) for name in names}
catalogue = {clause["id"]: clause for chapter in ("mqtt311",)
             for clause in json.load(open(f"conformance/catalogue/{chapter}.json"))["clauses"]}


def cell(result, clause):
    entry = result["clauses"].get(clause)
    if entry is None:
        return ""
    failed = entry["fail"] + entry["known"]
    if failed:
        return f"**{failed} of {failed + entry['pass']} fail**"
    return "pass" if entry["pass"] else "undecided"


print("# Clients of MQTT under test\n")
print("Made by `tools/clients > reports/conformance/clients.md`. A cell counts the cases that decided the statement at that client;")
print("an empty one: no case that applies to it does. How a case is played: `hubproof list cases`, `conformance/devices/cases`.\n")
print("Adjudicated by reading the bytes: libmosquitto, Paho for Python, and the tiny client of the tutorial, where two alarms of")
print("earlier runs were ours (an adapter that took SUBACK for PUBACK, and a PUBREL that a broken PUBREC had provoked). Those of")
print("Paho for C and MQTT.js are as the suite found them, and wait for that reading.\n")
print("| client | cases that apply | passed | failed | could not decide |\n|---|---:|---:|---:|---:|")
for name in names:
    cases = [case["verdict"] for case in found[name]["cases"] if case["verdict"] != "not_applicable"]
    print(f"| {found[name]['target']} | {len(cases)} | {cases.count('pass')} | {cases.count('fail')} | {cases.count('inconclusive')} |")
print("\n| statement | " + " | ".join(found[name]["target"] for name in names) + " |")
print("|---|" + "---|" * len(names))
for clause in sorted({clause for result in found.values() for clause in result["clauses"]}):
    print(f"| {clause} | " + " | ".join(cell(found[name], clause) for name in names) + " |")

for name in names:
    failed = {}
    for case in found[name]["cases"]:
        for clause, outcome in case.get("clauses", {}).items():
            if outcome["verdict"] == "fail":
                failed.setdefault(clause, []).append((case, outcome["what"]))
    if not failed:
        continue
    print(f"\n## {found[name]['target']}")
    for clause, alarms in sorted(failed.items()):
        sentence = catalogue.get(clause, {}).get("sentence", "")
        print(f"\n**{clause}**: {sentence}\n")
        for case, what in alarms:
            print(f"- `{case['name']}`: {what}")
        lines = [line for line in alarms[0][0].get("transcript", []) if "connection" in line or "server" in line or "device 1:" in line
                 or "device 2:" in line or "fails" in line]
        print("\n```\n" + "\n".join(line.replace("\x00", "\\0") for line in lines[-9:]) + "\n```")
