"""Eclipse Paho's MQTT client of Debian, over TLS and over WebSocket."""

import ssl

import paho.mqtt.client as mqtt

import peers
from peers import cell, closes, command, device_token, hub, new_device, receive, telemetry, until

OVER_WS = hub["transport"] == "mqtt-ws"
RELAY = peers.Relay(hub["ports"]["443" if OVER_WS else "8883"])


def connected(device, password=None, clean=True):
    client = mqtt.Client(client_id=device, clean_session=clean, protocol=mqtt.MQTTv311,
                         transport="websockets" if OVER_WS else "tcp")
    client.codes, client.flags, client.ended, client.inbox, client.granted = [], [], [], [], []
    client.on_connect = lambda c, _, flags, code: (client.flags.append(flags), client.codes.append(code))
    client.on_disconnect = lambda c, _, code: client.ended.append(code)
    client.on_message = lambda c, _, message: client.inbox.append(message)
    client.on_subscribe = lambda c, _, mid, granted: client.granted.append(granted)
    client.tls_set(ca_certs=hub["ca"], cert_reqs=ssl.CERT_REQUIRED)
    client.username_pw_set(f"{peers.host()}/{device}/?api-version=2021-04-12", password or device_token(device))
    if OVER_WS:
        client.ws_set_options(path="/$iothub/websocket")
    client.connect(peers.host(), RELAY.port, keepalive=60)
    client.loop_start()
    closes(lambda: (client.disconnect(), client.loop_stop()))
    until(10, "CONNACK or the end", lambda: client.codes or client.ended)
    return client


def up(device):
    return f"devices/{device}/messages/events/"


def subscribed(client, device):
    client.subscribe(f"devices/{device}/messages/devicebound/#", qos=1)
    until(10, "SUBACK", lambda: client.granted)
    assert client.granted == [(1,)], client.granted


@cell("open", core=True)
def _():
    client = connected(new_device())
    assert client.codes == [0], client.codes
    assert client.flags[0]["session present"] == 0
    client.disconnect()
    until(10, "the end", lambda: client.ended)
    assert client.ended == [0], client.ended


@cell("wrong key refused", core=True)
def _():
    device = new_device()
    client = connected(device, password=peers.wrong_token(device))
    assert client.codes[:1] in ([4], [5]), client.codes


@cell("telemetry", core=True)
def _():
    device = new_device()
    client = connected(device)
    for number in range(10):
        client.publish(f"{up(device)}%24.mid=m{number}&odd=a%20b%26c", f"body {number}", qos=1).wait_for_publish(10)
    stored = telemetry(device)
    assert [event["message"]["body"] for event in stored] == [f"body {number}" for number in range(10)], stored
    assert [event["message"]["messageId"] for event in stored] == [f"m{number}" for number in range(10)]
    assert all(event["message"]["properties"] == {"odd": "a b&c"} for event in stored)


@cell("telemetry, many at once")
def _():
    device = new_device()
    client = connected(device)
    waits = [client.publish(up(device), f"body {number}", qos=1) for number in range(100)]
    for each in waits:
        each.wait_for_publish(10)
    assert [event["message"]["body"] for event in telemetry(device)] == [f"body {number}" for number in range(100)]


@cell("receive", core=True)
def _():
    device = new_device()
    command(device, {"body": "waits", "messageId": "x0"})
    client = connected(device)
    subscribed(client, device)
    command(device, {"body": "comes", "messageId": "x1"})
    until(10, "two commands", lambda: len(client.inbox) == 2)
    assert [message.payload for message in client.inbox] == [b"waits", b"comes"]
    assert "%24.mid=x0" in client.inbox[0].topic, client.inbox[0].topic
    client.disconnect()
    until(10, "the end", lambda: client.ended)
    assert receive(device) is None


@cell("the session is kept")
def _():
    device = new_device()
    first = connected(device, clean=False)
    subscribed(first, device)
    first.disconnect()
    until(10, "the end", lambda: first.ended)
    command(device, {"body": "while away"})
    second = connected(device, clean=False)
    assert second.flags[0]["session present"] == 1
    until(10, "the command", lambda: second.inbox)
    assert second.inbox[0].payload == b"while away"


@cell("reconnect after a cut", core=True)
def _():
    device = new_device()
    client = connected(device, clean=False)
    subscribed(client, device)
    client.reconnect_delay_set(1, 1)
    published = []
    client.on_publish = lambda c, _, mid: published.append(mid)
    RELAY.cut()
    until(10, "the client's notice", lambda: client.ended)
    mid = client.publish(up(device), "across the cut", qos=1).mid  # waits for the next connection
    until(10, "a second CONNACK", lambda: len(client.codes) == 2)
    assert client.flags[1]["session present"] == 1
    until(10, "PUBACK", lambda: mid in published)
    command(device, {"body": "after"})
    until(10, "the command", lambda: client.inbox)
    assert client.inbox[0].payload == b"after"
    assert {event["message"]["body"] for event in telemetry(device)} == {"across the cut"}


peers.run()
