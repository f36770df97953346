#!/usr/bin/python3
"""A device on Debian's paho: sends one message, waits for one command, and prints its body.

paho_client.py tcp|websockets HOST PORT CA|- DEVICE BODY [KEY]    a key in base64 makes a token
"""
import base64
import hashlib
import hmac
import ssl
import sys
import threading
import time
import urllib.parse

import paho.mqtt.client as mqtt

transport, host, port, authority, device, body = sys.argv[1:7]
done, stored = threading.Event(), threading.Event()
heard = []


def token(key):
    scope = urllib.parse.quote(f"{host}/devices/{device}", safe="")
    expiry = str(int(time.time()) + 3600)
    digest = hmac.new(base64.b64decode(key), f"{scope}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = urllib.parse.quote(base64.b64encode(digest), safe="")
    return f"SharedAccessSignature sr={scope}&sig={signature}&se={expiry}"


def connected(client, _, __, code):
    if code != 0:
        print(f"refused: {code}", file=sys.stderr)
        done.set()
        return
    client.subscribe(f"devices/{device}/messages/devicebound/#", qos=1)


def subscribed(client, *_):
    client.publish(f"devices/{device}/messages/events/via={transport}", body, qos=1)


def told(_, __, message):
    heard.append(message.payload.decode())
    done.set()


client = mqtt.Client(client_id=device, clean_session=False, protocol=mqtt.MQTTv311, transport=transport)
client.username_pw_set(f"{host}/{device}/?api-version=2021-04-12", token(sys.argv[7]) if len(sys.argv) > 7 else None)
if transport == "websockets":
    client.ws_set_options(path="/$iothub/websocket")
if authority != "-":
    client.tls_set(ca_certs=authority, tls_version=ssl.PROTOCOL_TLS_CLIENT)
client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, told
client.on_publish = lambda *_: stored.set()
client.connect(host, int(port), keepalive=30)
client.loop_start()
done.wait(15)
stored.wait(15)
client.disconnect()
client.loop_stop()
print("\n".join(heard))
sys.exit(0 if heard and stored.is_set() else 1)
