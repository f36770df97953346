"""Lines of JSON between `hubproof conform --device` and a client in Python; conformance/devices.md is the contract."""

import json
import sys
import threading

_lock = threading.Lock()


def say(did, **more):
    with _lock:
        sys.stdout.write(json.dumps({"did": did, **more}) + "\n")
        sys.stdout.flush()


def run(orders):
    """Calls orders["connect"](order) and so on, until it is told to quit."""
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "quit":
            break
        if order["do"] == "echo":
            say("echo", id=order["id"])
            continue
        try:
            orders[order["do"]](order)
        except Exception as error:  # whatever the client makes of it, the application hears of it
            say("failed", id=order.get("id", 0), why=f"{type(error).__name__}: {error}")
