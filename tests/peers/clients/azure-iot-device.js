// The vendor's device SDK over each of its transports. The far side is the hub's control door.
'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { X509Certificate } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Client, Message } = require('azure-iot-device');
const { NoRetry } = require('azure-iot-common');
const { Registry } = require('azure-iothub');
const mqtt_packet = require('mqtt-packet');
const suite = require('../suite');
const { hub, cell, not_offered, new_device, Inbox, closes, command, receive, telemetry, sleep, until } = suite;

const transports = {
  mqtt: () => require('azure-iot-device-mqtt').Mqtt,
  'mqtt-ws': () => require('azure-iot-device-mqtt').MqttWs,
  amqp: () => require('azure-iot-device-amqp').Amqp,
  'amqp-ws': () => require('azure-iot-device-amqp').AmqpWs,
  http: () => require('azure-iot-device-http').Http,
};
const transport = hub.transport;
const Transport = transports[transport]();
const over_mqtt = transport.startsWith('mqtt');
const over_amqp = transport.startsWith('amqp');
const over_http = transport === 'http';

const problems = (client) => client.problems;

function client_of(connection_string, { retry = false } = {}) {
  const client = Client.fromConnectionString(connection_string, Transport);
  if (!retry) client.setRetryPolicy(new NoRetry());
  client.problems = [];
  client.on('error', (error) => client.problems.push(error));
  closes(() => client.close());
  return client;
}

// An open client of a new device.
async function opened({ options, ...more } = {}) {
  const id = new_device();
  const client = client_of(hub.devices[id], more);
  // Over HTTP, setOptions ends only when there is a receive policy among them.
  if (options) await client.setOptions(over_http ? { ...options, http: { receivePolicy: { interval: 1 } } } : options);
  await client.open();
  return { id, client };
}

function inbox_of(client) {
  const inbox = new Inbox();
  client.on('message', (message) => inbox.put(message));
  return inbox;
}

// Over HTTP a property is a header: printable ASCII, and its name loses its case.
const odd = over_http ? 'a b&c=d/e?f%25' : 'a b&c=d/e?f%25+\u00fc\u20ac';

function message(number, { body = JSON.stringify({ number, pad: '\u00fc\u20ac' }) } = {}) {
  const made = new Message(body);
  made.messageId = `m${number}`;
  made.correlationId = `c${number}`;
  made.contentType = 'application/json';
  made.contentEncoding = 'utf-8';
  made.properties.add('number', String(number));
  made.properties.add('odd', odd);
  if (!over_http) made.properties.add('empty', '');
  return made;
}

function properties_of(number) {
  return { number: String(number), odd, ...(over_http ? {} : { empty: '' }) };
}

function assert_stored(event, number) {
  const stored = event.message;
  assert.equal(stored.body, JSON.stringify({ number, pad: '\u00fc\u20ac' }));
  assert.equal(stored.messageId, `m${number}`);
  assert.equal(stored.correlationId, `c${number}`);
  assert.equal(stored.contentType, 'application/json');
  assert.equal(stored.contentEncoding, 'utf-8');
  assert.deepEqual(stored.properties, properties_of(number));
}

const bodies = (events) => events.map((event) => event.message.body);
const ids = (events) => events.map((event) => event.message.messageId);

// A command as the far side sends it, and what the client must make of it.
const order = (number, more = {}) => ({
  messageId: `x${number}`,
  correlationId: `y${number}`,
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  properties: { number: String(number), odd },
  body: `{"order":${number}}`,
  ack: 'full',
  ttl: '600s',
  ...more,
});

function assert_received(received, number) {
  assert.equal(received.getData().toString(), `{"order":${number}}`);
  assert.equal(received.messageId, `x${number}`);
  assert.equal(received.correlationId, `y${number}`);
  const prefix = over_http ? 'iothub-app-' : '';
  const values = Object.fromEntries(received.properties.propertyList.map(({ key, value }) => [key, value]));
  assert.equal(values[prefix + 'number'], String(number));
  assert.equal(values[prefix + 'odd'], odd);
  if (over_http) return; // this transport looks at no more headers
  assert.equal(received.contentType, 'application/json');
  assert.equal(received.contentEncoding, 'utf-8');
  assert.equal(over_amqp ? received.ack : values['iothub-ack'], 'full');
}

// ---- Opening.

cell('open', { core: true }, async () => {
  const id = new_device();
  const client = client_of(hub.devices[id]);
  const connected = await client.open();
  assert.equal(connected.constructor.name, 'Connected');
  const disconnected = await client.close();
  assert.equal(disconnected.constructor.name, 'Disconnected');
  assert.deepEqual(problems(client), []);
});

// The hub's own refusal: over MQTT the SDK calls a connection that fails by the same name.
async function refused(f) {
  const error = await suite.throws('UnauthorizedError', f);
  if (over_mqtt) assert.match(error.message, /Connection refused: /);
}

cell('wrong key refused', { core: true }, async () => {
  const id = new_device();
  const other = Buffer.alloc(32, 'x').toString('base64');
  const client = client_of(hub.devices[id].replace(/SharedAccessKey=.*/, `SharedAccessKey=${other}`));
  await refused(async () => {
    await client.open();
    await client.sendEvent(message(1)); // over HTTP the first request meets the hub
  });
  assert.deepEqual(await telemetry(id), []);
});

cell('unknown device refused', {}, async () => {
  const id = new_device();
  const client = client_of(hub.devices[id].replace(`DeviceId=${id};`, 'DeviceId=nobody;'));
  await refused(async () => {
    await client.open();
    await client.sendEvent(message(1));
  });
});

if (transport === 'mqtt') {
  cell('open, connection string as printed', { core: true }, async () => {
    const id = new_device();
    await client_of(hub.printed.devices[id]).open(); // with its port: nothing is mapped
  });
}

// A certificate of a device's own, and its key.
function self_signed() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hubproof-x509-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((file) => path.join(folder, file));
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=a device', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { key: fs.readFileSync(key, 'utf8'), cert: fs.readFileSync(cert, 'utf8') };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

cell('X.509 certificate', {}, async () => {
  const [mine, other] = [self_signed(), self_signed()];
  const id = `certified-${transport}`;
  const primaryThumbprint = new X509Certificate(mine.cert).fingerprint.replaceAll(':', '');
  await Registry.fromConnectionString(hub.service).create({ deviceId: id, authentication: { x509Thumbprint: { primaryThumbprint } } });
  const with_certificate = async (certificate) => {
    const client = client_of(`HostName=${suite.host()};DeviceId=${id};x509=true`);
    await client.setOptions(over_http ? { ...certificate, http: { receivePolicy: { interval: 1 } } } : certificate);
    await client.open();
    await client.sendEvent(message(0));
  };
  await with_certificate(mine);
  // Over AMQP no token can be refused: the link is. The SDK has many names for it.
  await assert.rejects(() => with_certificate(other));
  const events = await telemetry(id);
  assert.equal(events.length, 1);
  assert_stored(events[0], 0);
});

// ---- Telemetry.

cell('telemetry', { core: true }, async () => {
  const { id, client } = await opened();
  for (let number = 0; number < 10; ++number) {
    const sent = await client.sendEvent(message(number));
    assert.equal(sent.constructor.name, 'MessageEnqueued');
  }
  const events = await telemetry(id);
  assert.equal(events.length, 10);
  events.forEach(assert_stored);
  assert.deepEqual(problems(client), []);
});

cell('telemetry, many at once', {}, async () => {
  const { id, client } = await opened();
  const numbers = [...Array(100).keys()];
  await Promise.all(numbers.map((number) => client.sendEvent(message(number))));
  const events = await telemetry(id);
  // Each HTTP request may take a connection of its own, and overtake another.
  if (over_http) events.sort((a, b) => a.message.messageId.slice(1) - b.message.messageId.slice(1));
  assert.equal(events.length, numbers.length);
  events.forEach(assert_stored);
});

cell('telemetry, bytes and sizes', {}, async () => {
  const { id, client } = await opened();
  const every = Buffer.from([...Array(256).keys()]);
  const large = Buffer.alloc(200 * 1024, 'abcdefg');
  for (const body of [Buffer.alloc(0), every, large]) await client.sendEvent(new Message(body));
  const events = await telemetry(id);
  assert.equal(events.length, 3);
  assert.deepEqual(
    bodies(events).map((body) => (typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.base64, 'base64'))),
    [Buffer.alloc(0), every, large],
  );
});

if (over_http) {
  cell('telemetry batch', { core: true }, async () => {
    const { id, client } = await opened();
    await client.sendEventBatch([...Array(20).keys()].map((number) => message(number)));
    const events = await telemetry(id);
    assert.equal(events.length, 20);
    events.forEach((event, number) => {
      assert.equal(event.message.body, JSON.stringify({ number, pad: '\u00fc\u20ac' }));
      assert.deepEqual(event.message.properties, properties_of(number)); // the SDK sends no more of a batch
    });
  });
} else {
  not_offered('telemetry batch', 'the SDK has it over HTTP only and throws NotImplementedError', async () => {
    const { client } = await opened();
    await suite.throws('NotImplementedError', () => client.sendEventBatch([message(1)]));
  });
}

// ---- Commands.

cell('receive', { core: true }, async () => {
  const { id, client } = await opened();
  await command(id, order(0)); // waits in the queue before anybody asks
  const inbox = inbox_of(client);
  assert_received(await inbox.next(), 0);
  for (let number = 1; number < 4; ++number) await command(id, order(number));
  for (let number = 1; number < 4; ++number) {
    const received = await inbox.next();
    if (over_http) await client.complete(received);
    assert_received(received, number);
  }
  assert.deepEqual(problems(client), []);
});

// What the far side sees of a command's end: gone from the queue, and why.
function ends_as(status, id, what) {
  return async () => {
    const record = await suite.feedback(what);
    assert.equal(record.statusCode, status);
    assert.equal(record.deviceId, id);
    assert.equal(await receive(id), undefined);
  };
}

cell('complete', { core: true }, async () => {
  const { id, client } = await opened();
  const inbox = inbox_of(client);
  await command(id, order(1, { messageId: 'to-complete' }));
  const received = await inbox.next();
  await client.complete(received);
  await sleep(200); // over AMQP and MQTT nothing tells the client that the hub has it
  await client.close();
  assert.equal(await receive(id), undefined);
  return hub.core ? undefined : ends_as('Success', id, 'to-complete');
});

if (over_mqtt) {
  const reason = 'MQTT has no such answer: PUBACK completes, and the SDK throws NotImplementedError';
  const refuses = (verb) => async () => {
    const { id, client } = await opened();
    const inbox = inbox_of(client);
    await command(id, order(1));
    const received = await inbox.next();
    await suite.throws('NotImplementedError', () => client[verb](received));
  };
  not_offered('reject', reason, refuses('reject'));
  not_offered('abandon', reason, refuses('abandon'));
} else {
  cell('reject', { core: true }, async () => {
    const { id, client } = await opened();
    const inbox = inbox_of(client);
    await command(id, order(1, { messageId: 'to-reject' }));
    await client.reject(await inbox.next());
    await sleep(200);
    await client.close();
    assert.equal(await receive(id), undefined);
    return hub.core ? undefined : ends_as('Rejected', id, 'to-reject');
  });

  cell('abandon', { core: true }, async () => {
    const { id, client } = await opened();
    const inbox = inbox_of(client);
    await command(id, order(1, { messageId: 'to-abandon' }));
    const first = await inbox.next();
    assert.equal(first.messageId, 'to-abandon');
    await client.abandon(first);
    const second = await inbox.next(10, 'the abandoned command again');
    assert.equal(second.messageId, 'to-abandon');
    assert.equal(second.getData().toString(), first.getData().toString());
    await client.complete(second);
    await sleep(200);
    await client.close();
    assert.equal(await receive(id), undefined);
    return hub.core ? undefined : ends_as('Success', id, 'to-abandon');
  });
}

// ---- What goes on for long.

const packets = (connection) => {
  const found = [];
  const parser = mqtt_packet.parser({ protocolVersion: 4 });
  parser.on('packet', (packet) => found.push(packet.cmd));
  parser.parse(peers.bytes(connection));
  return found;
};

const relay = () => peers.doors.get({ mqtt: 8883, amqp: 5671 }[transport] ?? 443);

cell('token renewal', { seconds: 30 }, async () => {
  const before = relay().connections;
  const written = peers.written.length;
  const { id, client } = await opened({ options: { tokenRenewal: { tokenValidTimeInSeconds: 13, tokenRenewalMarginInSeconds: 10 } } });
  const inbox = inbox_of(client);
  await command(id, order(1));
  assert_received(await inbox.next(), 1);
  await client.sendEvent(message(1));
  await sleep(4000); // the SDK renews 3 s after it opened
  await client.sendEvent(message(2));
  await command(id, order(2));
  assert_received(await inbox.next(), 2);
  assert.deepEqual(ids(await telemetry(id)), ['m1', 'm2']);
  assert.deepEqual(problems(client), []);
  if (over_mqtt) {
    assert.equal(relay().connections - before, 2, 'connections, the second with the new token');
    assert.ok(packets(written).includes('subscribe'));
    assert.deepEqual(packets(written + 1).filter((each) => each === 'subscribe'), [], 'the subscription was kept by the hub');
  } else if (over_amqp) {
    assert.equal(relay().connections - before, 1);
    assert.equal(peers.count('put-token', written), 2);
  } else {
    const tokens = new Set();
    for (const connection of peers.written.keys())
      for (const [token] of peers.bytes(connection).toString('latin1').matchAll(/^authorization: .*\r$/gim))
        if (token.includes(`%2Fdevices%2F${id}&`)) tokens.add(token);
    assert.ok(tokens.size >= 2, `expected requests with two tokens, found ${tokens.size}`);
  }
});

cell('reconnect after a cut', { core: true, seconds: 40 }, async () => {
  const { id, client } = await opened({ retry: true });
  const inbox = inbox_of(client);
  await command(id, order(1));
  assert_received(await inbox.next(), 1);
  if (over_http) await client.complete(inbox.all[0]);
  await client.sendEvent(message(0));
  const before = relay().connections;
  const sends = [1, 2, 3].map((number) => client.sendEvent(message(number))); // the cut meets these
  relay().cut();
  const sent = await Promise.allSettled(sends);
  const acknowledged = ['m0', ...sent.flatMap((each, i) => (each.status === 'fulfilled' ? [`m${i + 1}`] : [])), 'm4'];
  // Over HTTP the SDK gives such an error to the application; over the others it sends again.
  if (!over_http) assert.equal(acknowledged.length, 5, suite.text_of(sent.find((each) => each.reason)?.reason));
  await client.sendEvent(message(4));
  assert.ok(relay().connections > before, 'a new connection');
  await command(id, order(2));
  const numbers = () => inbox.all.map((each) => each.messageId);
  // The first may come again: the cut may have met its acknowledgement.
  await until(20, 'the command after the cut', () => numbers().includes('x2'));
  assert.deepEqual([...new Set(numbers())], ['x1', 'x2']);
  // At least once: what was acknowledged is there; one may be there twice.
  const stored = new Set(ids(await telemetry(id)));
  assert.deepEqual(acknowledged.filter((each) => !stored.has(each)), []);
});

suite.run();
