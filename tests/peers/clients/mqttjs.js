// MQTT.js, a generation newer than the library inside the vendor's SDK, over TLS and over WebSocket.
'use strict';

const assert = require('node:assert/strict');
const mqtt = require('mqtt');
const suite = require('../suite');
const { hub, host, cell, new_device, device_token, Inbox, closes, command, receive, telemetry, sleep, until, within } = suite;

const url = hub.transport === 'mqtt' ? `mqtts://${host()}:8883` : `wss://${host()}:443/$iothub/websocket`;
const user = (id) => `${host()}/${id}/?api-version=2021-04-12`;

// An end of a connection that has its CONNACK, or the error that took its place.
async function connected(id, options = {}) {
  const client = mqtt.connect(url, { clientId: id, username: user(id), password: device_token(id), protocolVersion: 4, clean: true, reconnectPeriod: 0, connectTimeout: 8000, ...options });
  client.inbox = new Inbox();
  client.on('message', (topic, body, packet) => client.inbox.put({ topic, body: body.toString(), packet }));
  closes(() => client.endAsync(true));
  const connack = await within(10, 'CONNACK', new Promise((done, failed) => {
    client.once('connect', done);
    client.once('error', failed);
    client.once('close', () => failed(new Error('closed without CONNACK')));
  }));
  client.on('error', () => {});
  return { client, connack };
}

const up = (id) => `devices/${id}/messages/events/`;
const down = (id) => `devices/${id}/messages/devicebound/#`;
const fields = (topic) => Object.fromEntries(topic.split('/').at(-1).split('&').map((pair) => pair.split('=').map(decodeURIComponent)));

cell('open', { core: true }, async () => {
  const { client, connack } = await connected(new_device());
  assert.equal(connack.returnCode, 0);
  assert.equal(connack.sessionPresent, false);
  await client.endAsync();
});

cell('wrong key refused', { core: true }, async () => {
  const [id, other] = [new_device(), new_device()];
  for (const password of [suite.wrong_token(id), device_token(other), device_token(id, { seconds: -3600 })])
    await assert.rejects(() => connected(id, { password }), (error) => [4, 5].includes(error.code));
});

cell('MQTT 5 refused', {}, async () => {
  await assert.rejects(() => connected(new_device(), { protocolVersion: 5 }), (error) => !/nothing after/.test(error.message));
});

cell('telemetry', { core: true }, async () => {
  const id = new_device();
  const { client } = await connected(id);
  for (let number = 0; number < 10; ++number)
    await client.publishAsync(`${up(id)}%24.mid=m${number}&odd=a%20b%26c&number=${number}`, `body ${number}`, { qos: 1 });
  const stored = await telemetry(id);
  assert.deepEqual(stored.map((event) => event.message.body), [...Array(10).keys()].map((number) => `body ${number}`));
  stored.forEach((event, number) => {
    assert.equal(event.message.messageId, `m${number}`);
    assert.deepEqual(event.message.properties, { odd: 'a b&c', number: String(number) });
  });
});

cell('telemetry, QoS 0', {}, async () => {
  const id = new_device();
  const { client } = await connected(id);
  await client.publishAsync(up(id), 'zero', { qos: 0 });
  await client.publishAsync(up(id), 'one', { qos: 1 });
  assert.deepEqual((await telemetry(id)).map((event) => event.message.body), ['zero', 'one']);
});

cell('receive', { core: true }, async () => {
  const id = new_device();
  await command(id, { body: 'waits', messageId: 'x0' });
  const { client } = await connected(id);
  const [granted] = await client.subscribeAsync(down(id), { qos: 1 });
  assert.equal(granted.qos, 1);
  await command(id, { body: 'comes', messageId: 'x1', properties: { odd: 'a b&c=d/e?f%25+\u00fc\u20ac' } });
  const first = await client.inbox.next();
  const second = await client.inbox.next();
  assert.deepEqual([first.body, second.body], ['waits', 'comes']);
  assert.equal(fields(first.topic)['$.mid'], 'x0');
  assert.equal(fields(second.topic).odd, 'a b&c=d/e?f%25+\u00fc\u20ac');
  assert.equal(second.packet.qos, 1);
  await sleep(200);
  await client.endAsync();
  assert.equal(await receive(id), undefined); // PUBACK completed both
});

cell('the session is kept', {}, async () => {
  const id = new_device();
  const { client: first } = await connected(id, { clean: false });
  await first.subscribeAsync(down(id), { qos: 1 });
  await first.endAsync();
  await command(id, { body: 'while away' });
  const { client: second, connack } = await connected(id, { clean: false });
  assert.equal(connack.sessionPresent, true);
  assert.equal((await second.inbox.next()).body, 'while away');
});

cell('token renewal', {}, async () => {
  const id = new_device();
  const { client: first } = await connected(id, { clean: false });
  await first.subscribeAsync(down(id), { qos: 1 });
  // MQTT has no other way: a new connection with a new token, which takes the old one's place.
  const gone = new Promise((done) => first.once('close', done));
  const { client: second } = await connected(id, { clean: false, password: device_token(id, { seconds: 7200 }) });
  await within(10, 'the end of the first connection', gone);
  await command(id, { body: 'renewed' });
  assert.equal((await second.inbox.next()).body, 'renewed');
  assert.deepEqual(first.inbox.all, []);
});

cell('reconnect after a cut', { core: true }, async () => {
  const id = new_device();
  const { client } = await connected(id, { clean: false, reconnectPeriod: 100 });
  await client.subscribeAsync(down(id), { qos: 1 });
  const relay = peers.doors.get(hub.transport === 'mqtt' ? 8883 : 443);
  const before = relay.connections;
  const sends = [0, 1, 2].map((number) => client.publishAsync(up(id), `body ${number}`, { qos: 1 }));
  relay.cut();
  await Promise.all(sends); // resent on the new connection, with DUP
  await command(id, { body: 'after the cut' });
  await until(10, 'the command', () => client.inbox.all.some((each) => each.body === 'after the cut'));
  assert.ok(relay.connections > before);
  assert.deepEqual([...new Set((await telemetry(id)).map((event) => event.message.body))].sort(), ['body 0', 'body 1', 'body 2']);
});

suite.run();
