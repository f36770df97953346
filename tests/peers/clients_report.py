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
print("Read by a person so far: all alarms at Paho for Python, statement by statement and some byte by byte; those at libmosquitto that")
print("looked odd; a sample of those at the tiny client of the tutorial, whose adapter drops user name and password (3.1.2-19, 3.1.2-21). Two")
print("kinds of alarm of earlier runs were ours (an adapter that took SUBACK for PUBACK, and a PUBREL that a broken PUBREC had provoked).")
print("All others are as the suite found them, those at Paho for C and MQTT.js above all, and wait for that reading.\n")
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
