"""Qpid Proton's AMQP 1.0 client of Debian: SASL ANONYMOUS, and frames that do not wait for answers."""

import json

from proton import Message, SSLDomain
from proton.utils import BlockingConnection, LinkDetached, SendException

import peers
from peers import cell, closes, command, device_token, hub, new_device, receive, telemetry, until


def connected():
    domain = SSLDomain(SSLDomain.MODE_CLIENT)
    domain.set_trusted_ca_db(hub["ca"])
    domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME, trusted_CAs=hub["ca"])
    connection = BlockingConnection(f"amqps://{peers.host()}:{hub['ports']['5671']}", ssl_domain=domain,
                                    allowed_mechs="ANONYMOUS", timeout=10, heartbeat=20)
    closes(connection.close)
    return connection


def put_token(connection, audience, token):
    sender = connection.create_sender("$cbs")
    receiver = connection.create_receiver("$cbs", credit=1)
    sender.send(Message(id="1", address="$cbs", reply_to="cbs", body=token, properties={
        "operation": "put-token", "type": "servicebus.windows.net:sastoken", "name": audience}))
    answer = receiver.receive(timeout=10)
    receiver.accept()
    assert answer.correlation_id == "1", answer.correlation_id
    sender.close()  # the client names its links by address: the next ones are of the same names
    receiver.close()
    return answer.properties["status-code"]


def as_device(device):
    connection = connected()
    status = put_token(connection, f"{peers.host()}/devices/{device}", device_token(device))
    assert status == 200, status
    return connection


def up(device):
    return f"/devices/{device}/messages/events"


def down(device):
    return f"/devices/{device}/messages/devicebound"


@cell("open", core=True)
def _():
    as_device(new_device()).close()


@cell("wrong key refused", core=True)
def _():
    device = new_device()
    status = put_token(connected(), f"{peers.host()}/devices/{device}", peers.wrong_token(device))
    assert status == 401, status


@cell("no token, no link", core=True)
def _():
    device = new_device()
    try:
        connected().create_sender(up(device)).send(Message(body=b"x"))
    except (LinkDetached, SendException) as error:
        assert "unauthorized-access" in str(error), error
    else:
        raise AssertionError("expected a refusal, found success")
    assert telemetry(device) == []


@cell("telemetry", core=True)
def _():
    device = new_device()
    sender = as_device(device).create_sender(up(device))
    for number in range(10):
        sender.send(Message(id=f"m{number}", correlation_id=f"c{number}", content_type="application/json",
                            properties={"number": str(number), "odd": "a b&c=d/e?f%25+\u00fc\u20ac"},
                            body=f"body {number}".encode(), inferred=True))
    stored = telemetry(device)
    assert [event["message"]["body"] for event in stored] == [f"body {number}" for number in range(10)], stored
    for number, event in enumerate(stored):
        message = event["message"]
        assert message["messageId"] == f"m{number}" and message["correlationId"] == f"c{number}", message
        assert message["contentType"] == "application/json"
        assert message["properties"] == {"number": str(number), "odd": "a b&c=d/e?f%25+\u00fc\u20ac"}, message


@cell("receive and complete", core=True)
def _():
    device = new_device()
    for number in range(3):
        command(device, {"body": f"body {number}", "messageId": f"x{number}", "properties": {"odd": "\u00fc"}})
    receiver = as_device(device).create_receiver(down(device), credit=10)
    for number in range(3):
        message = receiver.receive(timeout=10)
        assert bytes(message.body) == f"body {number}".encode(), message.body
        assert message.id == f"x{number}" and message.properties["odd"] == "\u00fc", message
        receiver.accept()
    receiver.connection.close()
    assert until(5, "an empty queue", lambda: receive(device) is None)


@cell("reject")
def _():
    device = new_device()
    command(device, {"body": "x"})
    receiver = as_device(device).create_receiver(down(device), credit=1)
    receiver.receive(timeout=10)
    receiver.reject()
    receiver.connection.close()
    assert until(5, "an empty queue", lambda: receive(device) is None)


@cell("abandon", core=True)
def _():
    device = new_device()
    command(device, {"body": "x", "messageId": "again"})
    receiver = as_device(device).create_receiver(down(device), credit=10)
    assert receiver.receive(timeout=10).id == "again"
    receiver.release(delivered=False)  # the outcome released
    assert receiver.receive(timeout=10).id == "again"
    receiver.accept()
    receiver.connection.close()
    assert until(5, "an empty queue", lambda: receive(device) is None)


@cell("send as the service")
def _():
    device = new_device()
    connection = connected()
    assert put_token(connection, peers.host(), peers.service_token()) == 200
    sender = connection.create_sender("/messages/devicebound")
    sender.send(Message(id="x1", address=f"/devices/{device}/messages/devicebound", body=b"from proton",
                        properties={"iothub-ack": "full"}, inferred=True))
    queued = receive(device)
    assert queued["message"]["body"] == "from proton" and queued["message"]["messageId"] == "x1", json.dumps(queued)
    assert queued["message"]["ack"] == "full"
    try:
        sender.send(Message(address="/devices/nobody/messages/devicebound", body=b"x", inferred=True))
    except SendException:
        pass
    else:
        raise AssertionError("a command to a device that is not there: expected a refusal, found success")


@cell("token renewal")
def _():
    device = new_device()
    connection = as_device(device)
    sender = connection.create_sender(up(device))
    sender.send(Message(body=b"one", inferred=True))
    assert put_token(connection, f"{peers.host()}/devices/{device}", device_token(device, seconds=7200)) == 200
    sender.send(Message(body=b"two", inferred=True))
    assert [event["message"]["body"] for event in telemetry(device)] == ["one", "two"]


peers.run()
