#!/usr/bin/python3
"""Walks through the AMQP door with Qpid Proton's own client: amqp_client.py PORT DEVICE. Prints what it
saw, a line for each step; the test compares."""
import json
import os
import sys

from proton import Delivery, Described, Message, symbol
from proton.reactor import Filter
from proton.utils import BlockingConnection, LinkDetached, SendException

port, device = sys.argv[1], sys.argv[2]
url = "amqp://127.0.0.1:" + port


def connect():
    return BlockingConnection(url, timeout=20, allowed_mechs="ANONYMOUS")


def selector(text):
    return Filter({symbol("apache.org:selector-filter:string"): Described(symbol("apache.org:selector-filter:string"), text)})


def said(step, *what):
    print(step, *what, flush=True)


connection = connect()

sender = connection.create_sender("/devices/%s/messages/events" % device, name="telemetry")
for number in range(3):
    state = sender.send(Message(id="m%d" % number, body=b"reading %d" % number, inferred=True,
                                properties={"number": str(number)})).remote_state
    said("telemetry", number, "accepted" if state == Delivery.ACCEPTED else state)

try:
    connection.create_sender("/devices/nobody/messages/events", name="nobody")
    said("nobody", "attached")
except LinkDetached as refused:
    said("nobody", "refused", refused.condition)

service = connection.create_sender("/messages/devicebound", name="service")
for number in range(3):
    service.send(Message(id="c%d" % number, address="/devices/%s/messages/devicebound" % device,
                         properties={"iothub-ack": "full"}, body=b"command %d" % number, inferred=True))
    said("command", number, "accepted")
try:
    service.send(Message(id="lost", address="/devices/nobody/messages/devicebound", body=b"x", inferred=True))
    said("command to nobody", "accepted")
except SendException as refused:
    said("command to nobody", refused.state == Delivery.REJECTED)

# Command 0 is released and comes again, with the next count; 1 is rejected. The client asks for the next
# message before it settles one, so their order is free.
receiver = connection.create_receiver("/devices/%s/messages/devicebound" % device, credit=1, name="commands")
seen = []
while len(seen) < 4:
    message = receiver.receive()
    what = (bytes(message.body).decode(), int(message.annotations["iothub-deliverycount"]))
    seen.append(what)
    if what == ("command 0", 0):
        receiver.release(delivered=False)
    elif what[0] == "command 1":
        receiver.reject()
    else:
        receiver.accept()
for what in sorted(seen):
    said("received", *what)

feedback = connection.create_receiver("/messages/serviceBound/feedback", credit=5, name="feedback")
outcomes = {}
while len(outcomes) < 3:
    batch = feedback.receive(timeout=30)
    for record in json.loads(bytes(batch.body)):
        outcomes[record["originalMessageId"]] = record["statusCode"]
    feedback.accept()
for name in sorted(outcomes):
    said("feedback", name, outcomes[name])

bodies = []
for partition in range(4):
    reader = connection.create_receiver("hub/ConsumerGroups/$Default/Partitions/%d" % partition, credit=10,
                                        name="partition-%d" % partition,
                                        options=selector("amqp.annotation.x-opt-offset > '-1'"))
    try:
        while True:
            event = reader.receive(timeout=1)
            reader.accept()
            bodies.append((bytes(event.body).decode(), event.annotations["iothub-connection-device-id"],
                           event.properties["number"]))
    except Exception as over:
        if "timed out" not in str(over).lower():
            raise
for body in bodies:
    said("event", *body)

connection.close()
said("closed")
os._exit(0)  # the client's own objects do not survive the end of the interpreter in silence
