#!/usr/bin/python3
"""A hub's device on Qpid Proton's AMQP 1.0 client of Debian, as a device under test; conformance/devices.md is the contract. It comes back by
itself, with pauses, and sends again what has no outcome. Proton's check of names knows no addresses: TLS needs a server with a name."""

import base64
import hashlib
import hmac
import json
import sys
import threading
import time
import urllib.parse

from proton import Delivery, Message, SSLDomain
from proton.handlers import MessagingHandler
from proton.reactor import ApplicationEvent, Container, EventInjector

from adapter import say


class Device(MessagingHandler):
    def __init__(self, injector):
        super().__init__(prefetch=0, auto_accept=False, auto_settle=False)
        self.injector = injector
        self.order = self.connection = None
        self.pauses = iter(())
        self.waiting = {}  # what the application gave and has no outcome: order id -> Message
        self.under_way = {}  # delivery -> order id
        self.leaving = self.online = False
        self.unanswered = 0  # changes with each token and each answer

    def on_start(self, event):
        event.container.selectable(self.injector)
        self.container = event.container

    # ---- Orders.

    def on_order(self, event):
        order = json.loads(event.subject)
        getattr(self, "do_" + order["do"])(order)

    def do_connect(self, order):
        self.order, self.leaving = order, False
        self.pauses = self.fresh_pauses()
        self.dial()

    def do_send(self, order):
        self.waiting[order["id"]] = Message(id=order["message_id"], body=bytes.fromhex(order["payload"]), properties=order["properties"], inferred=True)
        self.send()

    def do_disconnect(self, order):
        self.leaving = True
        if self.connection:
            self.connection.close()

    def do_echo(self, order):
        say("echo", id=order["id"])

    def do_quit(self, order):
        self.leaving = True
        self.container.stop()

    # ---- The connection.

    @staticmethod
    def fresh_pauses():
        pause = 0.5
        while True:
            yield pause
            pause = min(pause * 2, 8)

    def dial(self):
        self.online = False
        self.unanswered += 1
        self.tokens = self.answers = self.events = self.commands = None
        scheme, more = "amqp", {}
        if self.order.get("ca"):
            domain = SSLDomain(SSLDomain.MODE_CLIENT)
            domain.set_trusted_ca_db(self.order["ca"])
            domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME, trusted_CAs=self.order["ca"])
            scheme, more = "amqps", {"ssl_domain": domain}
        url = f"{scheme}://{self.order['host']}:{self.order['port']}"
        self.connection = self.container.connect(url, allowed_mechs="ANONYMOUS", reconnect=False, heartbeat=self.order["keep_alive"], **more)
        self.tokens = self.container.create_sender(self.connection, "$cbs", name="tokens")
        self.answers = self.container.create_receiver(self.connection, "$cbs", name="answers")
        self.answers.flow(10)

    def lost(self, why):
        if self.connection is None:
            return
        connection, self.connection = self.connection, None
        self.under_way.clear()
        if self.leaving:
            say("disconnected")
            return
        say("lost", why=why) if self.online else say("failed", why=why)
        self.online = False
        connection.close()
        self.container.schedule(next(self.pauses), Later(self.dial))

    def on_transport_error(self, event):
        if event.connection == self.connection:
            self.lost(str(event.transport.condition))

    def on_disconnected(self, event):
        if event.connection == self.connection:
            self.lost("the connection ended")

    def on_connection_closed(self, event):
        if event.connection == self.connection:
            self.lost("closed")

    def on_connection_error(self, event):
        if event.connection == self.connection:
            self.lost(str(event.connection.remote_condition))

    def on_link_error(self, event):
        if event.link.connection == self.connection:
            self.lost(str(event.link.remote_condition))

    def on_session_error(self, event):
        if event.session.connection == self.connection:
            self.lost(str(event.session.remote_condition))

    # ---- Tokens.

    def put_token(self):
        self.unanswered += 1
        asked = self.unanswered
        self.container.schedule(30, Later(lambda: self.lost("a token got no answer") if self.unanswered == asked else None))
        life = self.order.get("token_life", 3600)
        audience = f"{self.order['host']}/devices/{self.order['client_id']}"
        resource = urllib.parse.quote(audience, safe="")
        end = str(int(time.time()) + life)
        signature = hmac.new(base64.b64decode(self.order["key"]), f"{resource}\n{end}".encode(), hashlib.sha256).digest()
        token = f"SharedAccessSignature sr={resource}&sig={urllib.parse.quote(base64.b64encode(signature), safe='')}&se={end}"
        self.tokens.send(Message(id=str(time.monotonic()), address="$cbs", reply_to="cbs", body=token, properties={
            "operation": "put-token", "type": "servicebus.windows.net:sastoken", "name": audience}))

    def renew(self, connection):
        if connection == self.connection and self.online:
            self.put_token()

    def on_sendable(self, event):
        if event.sender == self.tokens and not self.online and self.events is None:
            self.events = False  # asked for when the token is accepted
            self.put_token()
        elif self.events and event.sender == self.events:
            self.send()

    def token_answered(self, status):
        self.unanswered += 1
        if status != 200:
            return self.lost(f"the token is answered with {status}")
        life = self.order.get("token_life", 3600)
        connection = self.connection
        self.container.schedule(life * 0.6, Later(lambda: self.renew(connection)))
        if self.online:
            return None
        path = f"/devices/{self.order['client_id']}/messages/"
        self.events = self.container.create_sender(self.connection, path + "events", name="events")
        self.commands = self.container.create_receiver(self.connection, path + "devicebound", name="commands")
        self.commands.flow(10)
        self.online = True
        say("connected")
        return None

    # ---- Messages.

    def send(self):
        if not self.online or not self.events:
            return
        for order, message in self.waiting.items():
            if order in self.under_way.values():
                continue
            if self.events.credit <= 0:
                return
            self.under_way[self.events.send(message)] = order

    def on_accepted(self, event):
        order = self.under_way.pop(event.delivery, None)
        event.delivery.settle()
        if order is not None:
            del self.waiting[order]
            self.pauses = self.fresh_pauses()
            say("published", id=order)

    def on_rejected(self, event):
        order = self.under_way.pop(event.delivery, None)
        condition = event.delivery.remote.condition
        event.delivery.settle()
        if condition and condition.name == "com.microsoft:device-container-throttled":
            self.container.schedule(next(self.pauses), Later(self.send))
        elif order is not None:
            del self.waiting[order]
            say("failed", id=order, why=str(condition))

    def on_released(self, event):  # or modified
        self.under_way.pop(event.delivery, None)
        event.delivery.settle()
        self.container.schedule(next(self.pauses), Later(self.send))

    def on_message(self, event):
        if event.receiver == self.answers:
            self.accept(event.delivery)
            self.answers.flow(1)
            self.token_answered(event.message.properties["status-code"])
            return
        message = event.message
        body = bytes(message.body) if message.body is not None else b""
        say("received", topic="", payload=body.hex(), qos=1, message_id=str(message.id or ""),
            properties={name: value for name, value in (message.properties or {}).items() if isinstance(value, str)})
        outcome = {"complete": Delivery.ACCEPTED, "reject": Delivery.REJECTED, "abandon": Delivery.RELEASED}[self.order.get("settle", "complete")]
        event.delivery.update(outcome)
        event.delivery.settle()
        self.commands.flow(1)


class Later:
    def __init__(self, task):
        self.task = task

    def on_timer_task(self, event):
        self.task()


def read(injector):
    for line in sys.stdin:
        injector.trigger(ApplicationEvent("order", subject=line))
    injector.trigger(ApplicationEvent("order", subject='{"do":"quit"}'))


injector = EventInjector()
device = Device(injector)
say("hello", name="qpid-proton", version="0.37", kind="hub", protocol="amqp", reconnects=True, queues=True, renews=True)
threading.Thread(target=read, args=(injector,), daemon=True).start()
Container(device).run()
