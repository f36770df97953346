"""What suite.js is for Node: cells, which report to the runner, and the hub's far side."""

import base64
import hashlib
import hmac
import json
import os
import socket
import struct
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

hub = json.loads(os.environ["HUBPROOF_PEERS"])
_cells = []
_unused = list(hub["devices"])
_closes = []


def _report(line):
    os.write(3, (json.dumps(line) + "\n").encode())


def cell(operation, core=False):
    def keep(run):
        _cells.append((operation, core, None, run))
        return run

    return keep


def not_offered(operation, reason):
    _cells.append((operation, False, reason, lambda: None))


def closes(f):
    """f is called when the cell has ended, whatever became of it."""
    _closes.append(f)


def until(seconds, what, f):
    end = time.monotonic() + seconds
    while True:
        value = f()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def run():
    chosen = [c for c in _cells if (c[1] or not hub["core"]) and hub["only"] in c[0]]
    _report({"plan": [c[0] for c in chosen]})
    for operation, _, reason, f in chosen:
        begun = time.monotonic()
        try:
            f()
            result = {"result": "not offered" if reason else "pass", "reason": reason}
        except BaseException as error:  # whatever a library throws is the cell's failure
            if os.environ.get("HUBPROOF_PEERS_STACKS"):
                traceback.print_exc()
            result = {"result": "fail", "reason": f"{type(error).__name__}: {error}"}
        _report({"operation": operation, "ms": int((time.monotonic() - begun) * 1000), **result})
        while _closes:
            close = threading.Thread(target=_closes.pop(), daemon=True)
            close.start()
            close.join(5)
    _report({"done": True})
    os._exit(0)


# ---- The hub's control door.


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(hub["control"] + path, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, None


def new_device():
    return _unused.pop(0)


def command(device, message):
    status, _ = ask("POST", f"/devices/{device}/commands", message)
    assert status == 201, status


def receive(device):
    """The next command of the device's queue, locked by this, or None."""
    status, body = ask("GET", f"/devices/{device}/commands")
    assert status in (200, 204), status
    return body


def telemetry(device):
    events = []
    partition = 0
    while True:
        start = 0
        while True:
            status, body = ask("GET", f"/telemetry?partition={partition}&from={start}&limit=1000")
            if status != 200:
                return events
            if not body["events"]:
                break
            events += [event for event in body["events"] if event["device"] == device]
            start = body["events"][-1]["sequence"] + 1
        partition += 1


# ---- A relay between a client and a door, which can cut.


class Relay:
    def __init__(self, target):
        self.target, self.connections, self.open = target, 0, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            self.connections += 1
            door = socket.create_connection(("127.0.0.1", self.target))
            self.open += [client, door]
            for one, other in ((client, door), (door, client)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        """Both ends see their connection reset."""
        for each in self.open:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                each.shutdown(socket.SHUT_RD)  # wakes the thread that reads it, which holds it open
            except OSError:
                pass
            each.close()
        self.open = []


# ---- Names and tokens.


def parts(connection_string):
    return dict(field.split("=", 1) for field in connection_string.split(";") if field)


def host():
    return parts(hub["service"])["HostName"]


def token_for(resource, key, policy=None, seconds=3600):
    sr = urllib.parse.quote(resource, safe="")
    se = int(time.time()) + seconds
    digest = hmac.new(base64.b64decode(key), f"{sr}\n{se}".encode(), hashlib.sha256).digest()
    sig = urllib.parse.quote(base64.b64encode(digest), safe="")
    return f"SharedAccessSignature sr={sr}&sig={sig}&se={se}" + (f"&skn={policy}" if policy else "")


def device_token(device, seconds=3600):
    return token_for(f"{host()}/devices/{device}", parts(hub["devices"][device])["SharedAccessKey"], seconds=seconds)


def wrong_token(device):
    """As well made as a device's, with a key that is not the device's."""
    return token_for(f"{host()}/devices/{device}", base64.b64encode(b"x" * 32).decode())


def service_token():
    fields = parts(hub["service"])
    return token_for(fields["HostName"], fields["SharedAccessKey"], fields["SharedAccessKeyName"])
