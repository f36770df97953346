#!/usr/bin/env python3
"""Eclipse Paho's MQTT client for Python (Debian: python3-paho-mqtt) as a device under test."""

import os
import sys

import paho.mqtt
import paho.mqtt.client as mqtt

from adapter import run, say

client = None
told = {}  # packet id -> order and kind, until the client has told that it is done




def new_client(order):
    client = mqtt.Client(client_id=order["client_id"], clean_session=order["clean"], protocol=mqtt.MQTTv311,
                         transport="websockets" if "websocket" in order else "tcp")
    if "websocket" in order:
        client.ws_set_options(path=order["websocket"])
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.max_inflight_messages_set(100)
    if "username" in order or "password" in order:
        client.username_pw_set(order.get("username"), order.get("password"))
    if "will" in order:
        will = order["will"]
        client.will_set(will["topic"], bytes.fromhex(will["payload"]), will["qos"], will["retain"])
    client.on_connect = lambda c, _, flags, code: (
        say("connected", session_present=bool(flags["session present"])) if code == 0 else say("refused", code=code))
    client.on_disconnect = lambda c, _, code: say("lost", why=mqtt.error_string(code)) if code else say("disconnected")
    client.on_publish = lambda c, _, mid: done("published", mid)
    client.on_subscribe = lambda c, _, mid, granted: done("subscribed", mid, codes=list(granted))
    client.on_unsubscribe = lambda c, _, mid: done("unsubscribed", mid)
    client.on_message = received
    return client


early = {}


def done(did, mid, **more):
    """The client may tell before the call that began it has returned."""
    order = told.pop((did, mid), None)
    if order is None:
        early[did, mid] = more
    else:
        say(did, id=order, **more)


def began(did, mid, order):
    more = early.pop((did, mid), None)
    if more is None:
        told[did, mid] = order["id"]
    else:
        say(did, id=order["id"], **more)


def received(_client, _data, message):
    try:
        topic = message.topic
    except UnicodeDecodeError as error:
        return say("failed", why=f"received a topic that is not UTF-8: {error}")
    say("received", topic=topic, payload=message.payload.hex(), qos=message.qos, retain=bool(message.retain),
        dup=bool(message.dup))


def connect(order):
    global client
    if client is not None:
        client.loop_stop()
    client = new_client(order)
    client.connect(order["host"], order["port"], order["keep_alive"])
    client.loop_start()


def publish(order):
    info = client.publish(order["topic"], bytes.fromhex(order["payload"]), order["qos"], order["retain"])
    if info.rc not in (mqtt.MQTT_ERR_SUCCESS, mqtt.MQTT_ERR_NO_CONN):
        raise ValueError(mqtt.error_string(info.rc))
    began("published", info.mid, order)


def subscribe(order):
    code, mid = client.subscribe([(each["filter"], each["qos"]) for each in order["filters"]])
    if code:
        raise ValueError(mqtt.error_string(code))
    began("subscribed", mid, order)


def unsubscribe(order):
    code, mid = client.unsubscribe(order["filters"])
    if code:
        raise ValueError(mqtt.error_string(code))
    began("unsubscribed", mid, order)


def disconnect(_order):
    client.disconnect()


say("hello", name="paho-python", version=paho.mqtt.__version__, kind="mqtt", qos=[0, 1, 2], persistent_session=True,
    reconnects=True, queues=True, will=True, any_text=True, websocket=True)
run({"connect": connect, "publish": publish, "subscribe": subscribe, "unsubscribe": unsubscribe, "disconnect": disconnect})
sys.stdout.flush()
os._exit(0)
