"""A client of MQTT 3.1.1 in forty lines: enough to publish and to listen, and not yet right."""
import itertools
import socket
import threading


def short(number):
    return number.to_bytes(2, "big")


def text(value):
    return short(len(value.encode())) + value.encode()


class Client:
    def __init__(self, host, port, client_id, keep_alive, on_message, on_done, on_end):
        self.on_message, self.on_done, self.on_end = on_message, on_done, on_end
        self.ids = itertools.count(1)
        self.socket = socket.create_connection((host, port))
        self.stream = self.socket.makefile("rb")
        self.send(0x10, text("MQTT") + b"\x04\x02" + short(keep_alive) + text(client_id))
        self.refusal = self.read()[1][1]
        threading.Thread(target=self.run, daemon=True).start()

    def send(self, first, body):
        self.socket.sendall(bytes([first, len(body)]) + body)

    def read(self):
        first, length = self.stream.read(2)
        return first, self.stream.read(length)

    def publish(self, packet_id, topic, payload, qos):
        self.send(0x30 | qos << 1, text(topic) + (short(packet_id) if qos else b"") + payload)

    def subscribe(self, packet_id, filters):
        self.send(0x82, short(packet_id) + b"".join(text(name) + bytes([qos]) for name, qos in filters))

    def run(self):
        try:
            while True:
                first, body = self.read()
                if first >> 4 == 3:
                    size, qos = int.from_bytes(body[:2], "big"), first >> 1 & 3
                    rest = body[2 + size:]
                    self.on_message(body[2:2 + size].decode(), rest[2:] if qos else rest, qos)
                    if qos:
                        self.send(0x40, rest[:2])
                elif first >> 4 in (4, 9):
                    self.on_done(int.from_bytes(body[:2], "big"))
        except (OSError, ValueError):
            self.on_end()
