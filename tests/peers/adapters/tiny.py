import json
import sys

from tiny_mqtt import Client

client, orders = None, {}


def say(did, **more):
    print(json.dumps({"did": did, **more}), flush=True)


def connect(order):
    global client
    client = Client(order["host"], order["port"], order["client_id"], order["keep_alive"],
                    on_message=lambda topic, payload, qos: say("received", topic=topic, payload=payload.hex(), qos=qos),
                    on_done=lambda packet_id: say(orders[packet_id][0], id=orders[packet_id][1]),
                    on_end=lambda: say("lost"))
    say("connected") if client.refusal == 0 else say("refused", code=client.refusal)


def publish(order):
    packet_id = next(client.ids)
    orders[packet_id] = ("published", order["id"])
    client.publish(packet_id, order["topic"], bytes.fromhex(order["payload"]), order["qos"])
    if order["qos"] == 0:
        say("published", id=order["id"])


def subscribe(order):
    packet_id = next(client.ids)
    orders[packet_id] = ("subscribed", order["id"])
    client.subscribe(packet_id, [(each["filter"], each["qos"]) for each in order["filters"]])


does = {"connect": connect, "publish": publish, "subscribe": subscribe,
        "echo": lambda order: say("echo", id=order["id"])}

say("hello", name="tiny", version="1", qos=[0, 1])
for line in sys.stdin:
    order = json.loads(line)
    if order["do"] == "quit":
        break
    try:
        does[order["do"]](order)
    except Exception as error:
        say("failed", id=order.get("id", 0), why=repr(error))
