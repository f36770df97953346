// The vendor's Event Hubs SDK reads a hub's telemetry at its Event Hubs-compatible endpoint. A device
// of the vendor's SDK sends it, over MQTT.
'use strict';

const assert = require('node:assert/strict');
const { EventHubConsumerClient, earliestEventPosition, latestEventPosition } = require('@azure/event-hubs');
const { Client, Message } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const WebSocket = require('ws');
const suite = require('../suite');
const { hub, cell, new_device, closes, sleep, until } = suite;

const ws = hub.transport === 'amqp-ws';
const name = suite.parts(hub.events).EntityPath;

function consumer({ connection_string = hub.events, group = '$Default', retries = 0 } = {}) {
  const client = new EventHubConsumerClient(group, connection_string, {
    retryOptions: { maxRetries: retries, retryDelayInMs: 200, timeoutInMs: 10_000 },
    ...(ws ? { webSocketOptions: { webSocket: WebSocket } } : {}),
  });
  closes(() => client.close());
  return client;
}

// Reads one partition, or all, from a position: events, and errors, as they come.
function read(client, position, partition) {
  const events = [];
  const errors = [];
  const handlers = {
    processEvents: async (some) => void events.push(...some),
    processError: async (error) => void errors.push(error),
  };
  const options = { startPosition: position, maxWaitTimeInSeconds: 1 };
  const subscription = partition === undefined ? client.subscribe(handlers, options) : client.subscribe(partition, handlers, options);
  closes(() => subscription.close());
  return {
    events,
    errors,
    async exactly(count, what = 'events') {
      await until(15, `${count} ${what}`, () => events.length >= count || errors.length > 0);
      if (errors.length > 0) throw errors[0];
      await sleep(700); // and no more
      assert.equal(events.length, count, what);
      return events;
    },
  };
}

// A device and `count` messages of it; they are in one partition, and nobody else's are: each cell has
// a hub's worth of partitions to itself only as far as it looks at its own device.
async function sent(count, { id = new_device(), from = 0 } = {}) {
  const client = Client.fromConnectionString(hub.devices[id], Mqtt);
  client.on('error', () => {});
  closes(() => client.close());
  await client.open();
  for (let number = from; number < from + count; ++number) {
    const message = new Message(JSON.stringify({ number, pad: '\u00fc\u20ac' }));
    message.messageId = `m${number}`;
    message.correlationId = `c${number}`;
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.properties.add('number', String(number));
    message.properties.add('odd', 'a b&c=d/e?f%25+\u00fc\u20ac');
    await client.sendEvent(message);
  }
  await client.close();
  return { id, ...(await where(id, from + count)) };
}

// The partition of a device, as the control door has it, and the device's events there, once there are so many:
// what is acknowledged is on its way through the hub's routes.
async function where(id, count) {
  let found;
  await until(10, `${count} events of ${id}`, async () => {
    for (let partition = 0; ; ++partition) {
      const answer = await suite.ask('GET', `/telemetry?partition=${partition}&limit=1000`);
      if (answer.status !== 200) return false;
      const stored = answer.body.events.filter((event) => event.device === id);
      if (stored.length === 0) continue;
      found = { partition: String(partition), stored };
      return stored.length >= count;
    }
  });
  return found;
}

const numbers = (events, id) => events.filter((event) => event.systemProperties['iothub-connection-device-id'] === id).map((event) => event.body.number);

cell('open', { core: true }, async () => {
  const client = consumer();
  const properties = await client.getEventHubProperties();
  assert.equal(properties.name, name);
  assert.ok(properties.createdOn.getTime() <= Date.now() + 10_000);
  assert.deepEqual(properties.partitionIds, await client.getPartitionIds());
  assert.deepEqual(properties.partitionIds, [...properties.partitionIds.keys()].map(String));
  await client.close();
});

if (!ws) {
  cell('open, connection string as printed', { core: true }, async () => {
    assert.ok((await consumer({ connection_string: hub.printed.events }).getPartitionIds()).length > 0); // with its port: nothing is mapped
  });
}

cell('wrong key refused', { core: true }, async () => {
  const client = consumer({ connection_string: hub.events.replace(/SharedAccessKey=[^;]*/, `SharedAccessKey=${Buffer.alloc(32, 'x').toString('base64')}`) });
  await assert.rejects(() => client.getPartitionIds(), (error) => /unauthorized/i.test(`${error.name} ${error.code} ${error.message}`));
});

cell('partition properties', {}, async () => {
  const { partition, stored } = await sent(3);
  const properties = await consumer().getPartitionProperties(partition);
  assert.equal(properties.partitionId, partition);
  assert.equal(properties.eventHubName, name);
  assert.equal(properties.isEmpty, false);
  assert.equal(properties.lastEnqueuedSequenceNumber, stored.at(-1).sequence);
  assert.equal(String(properties.lastEnqueuedOffset), String(stored.at(-1).offset));
  assert.equal(properties.lastEnqueuedOnUtc.getTime(), Date.parse(stored.at(-1).enqueued));
  assert.ok(properties.beginningSequenceNumber <= stored[0].sequence);
});

cell('read from start', { core: true }, async () => {
  const { id, partition, stored } = await sent(10);
  const begun = Date.now();
  const all = await read(consumer(), earliestEventPosition, partition).exactly((await suite.ask('GET', `/telemetry?partition=${partition}&limit=1000`)).body.events.length);
  const mine = all.filter((event) => event.systemProperties['iothub-connection-device-id'] === id);
  assert.equal(mine.length, 10);
  mine.forEach((event, number) => {
    assert.deepEqual(event.body, { number, pad: '\u00fc\u20ac' });
    assert.deepEqual(event.properties, { number: String(number), odd: 'a b&c=d/e?f%25+\u00fc\u20ac' });
    assert.equal(event.messageId, `m${number}`);
    assert.equal(event.correlationId, `c${number}`);
    assert.equal(event.contentType, 'application/json');
    assert.equal(event.sequenceNumber, stored[number].sequence);
    assert.equal(String(event.offset), String(stored[number].offset));
    assert.equal(event.enqueuedTimeUtc.getTime(), Date.parse(stored[number].enqueued));
    assert.ok(Math.abs(event.enqueuedTimeUtc.getTime() - begun) < 60_000);
    const system = event.systemProperties;
    assert.equal(system['iothub-connection-device-id'], id);
    assert.equal(system['iothub-message-source'], 'Telemetry');
    assert.ok(system['iothub-connection-auth-generation-id']);
    const method = JSON.parse(system['iothub-connection-auth-method']);
    assert.equal(method.scope, 'device');
    assert.equal(method.type, 'sas');
    assert.equal(system['iothub-enqueuedtime'], Date.parse(stored[number].enqueued));
  });
});

cell('read all partitions', {}, async () => {
  const { id } = await sent(5);
  const { id: other } = await sent(5);
  const reading = read(consumer(), earliestEventPosition);
  await until(15, 'events of two devices', () => reading.errors.length > 0 || numbers(reading.events, id).length + numbers(reading.events, other).length >= 10);
  assert.deepEqual(reading.errors, []);
  for (const each of [id, other]) assert.deepEqual(numbers(reading.events, each), [0, 1, 2, 3, 4]);
});

for (const [operation, position] of [
  ['read from an offset', (event) => ({ offset: String(event.offset) })],
  ['read from a sequence number', (event) => ({ sequenceNumber: event.sequence })],
]) {
  cell(operation, { core: operation === 'read from an offset' }, async () => {
    const { id, partition, stored } = await sent(10);
    const after = await read(consumer(), position(stored[6]), partition).exactly(3, 'events behind the position');
    assert.deepEqual(numbers(after, id), [7, 8, 9]);
    const with_it = await read(consumer(), { ...position(stored[6]), isInclusive: true }, partition).exactly(4, 'events from the position on');
    assert.deepEqual(numbers(with_it, id), [6, 7, 8, 9]);
  });
}

cell('read from a time', { core: true }, async () => {
  const { id } = await sent(3);
  await sleep(1100);
  const time = new Date();
  await sleep(100);
  const { partition } = await sent(4, { id, from: 3 });
  const events = await read(consumer(), { enqueuedOn: time }, partition).exactly(4, 'events behind the time');
  assert.deepEqual(numbers(events, id), [3, 4, 5, 6]);
});

cell('read what is new', {}, async () => {
  const { id, partition } = await sent(3);
  const reading = read(consumer(), latestEventPosition, partition);
  await sleep(1500); // until the link is there
  await sent(4, { id, from: 3 });
  assert.deepEqual(numbers(await reading.exactly(4, 'new events'), id), [3, 4, 5, 6]);
});

cell('two readers', {}, async () => {
  const { id, partition, stored } = await sent(5);
  const position = { sequenceNumber: stored[0].sequence, isInclusive: true };
  const [one, two] = [read(consumer(), position, partition), read(consumer(), position, partition)];
  assert.deepEqual(numbers(await one.exactly(5), id), [0, 1, 2, 3, 4]);
  assert.deepEqual(numbers(await two.exactly(5), id), [0, 1, 2, 3, 4]);
});

cell('another consumer group', {}, async () => {
  const { id, partition, stored } = await sent(3);
  const position = { sequenceNumber: stored[0].sequence, isInclusive: true };
  await read(consumer(), position, partition).exactly(3);
  const other = await read(consumer({ group: 'analytics' }), position, partition).exactly(3, 'events of a group that has read none');
  assert.deepEqual(numbers(other, id), [0, 1, 2]);
});

cell('read an endpoint that a route leads to', { core: true }, async () => {
  const id = new_device();
  const client = Client.fromConnectionString(hub.devices[id], Mqtt);
  client.on('error', () => {});
  closes(() => client.close());
  await client.open();
  for (const [number, level] of ['alert', 'info', 'alert'].entries()) {
    const message = new Message(JSON.stringify({ number }));
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.properties.add('level', level);
    await client.sendEvent(message);
  }
  await client.close();
  const alerts = consumer({ connection_string: hub.alerts });
  assert.equal((await alerts.getEventHubProperties()).name, 'alerts');
  const reading = read(alerts, earliestEventPosition);
  await until(15, 'two events', () => reading.errors.length > 0 || numbers(reading.events, id).length >= 2);
  assert.deepEqual(reading.errors, []);
  const { partition } = await where(id, 1);
  await sleep(700);
  assert.deepEqual(numbers(reading.events, id), [0, 2]);
  const [, last] = reading.events.filter((event) => event.systemProperties['iothub-connection-device-id'] === id);
  const properties = await alerts.getPartitionProperties(partition);
  assert.equal(properties.lastEnqueuedSequenceNumber, last.sequenceNumber);
  const fallback = await read(consumer(), earliestEventPosition, partition);
  await until(15, 'the other event', () => fallback.errors.length > 0 || numbers(fallback.events, id).length >= 1);
  assert.deepEqual(numbers(fallback.events, id), [1]);
});

cell('unknown partition refused', {}, async () => {
  const reading = read(consumer(), earliestEventPosition, '99');
  const error = await until(15, 'an error', () => reading.errors[0]);
  assert.ok(error.name || error.code);
  assert.deepEqual(reading.events, []);
});

cell('token renewal', { seconds: 30 }, async () => {
  const { id, partition } = await sent(2);
  const written = peers.written.length;
  peers.hurry = 2500; // in place of 45 minutes
  try {
    const reading = read(consumer(), latestEventPosition, partition);
    await sleep(1500);
    const first = peers.count('put-token', written);
    assert.ok(first > 0);
    await sleep(2500);
    await sent(2, { id, from: 2 });
    assert.deepEqual(numbers(await reading.exactly(2, 'events after renewal'), id), [2, 3]);
    assert.ok(peers.count('put-token', written) > first, 'a second token');
    assert.deepEqual(reading.errors, []);
  } finally {
    peers.hurry = 0;
  }
});

cell('reconnect after a cut', { core: true, seconds: 40 }, async () => {
  const { id, partition, stored } = await sent(3);
  const reading = read(consumer({ retries: 5 }), { sequenceNumber: stored[0].sequence, isInclusive: true }, partition);
  await until(15, 'three events', () => reading.events.length === 3);
  const relay = peers.doors.get(ws ? 443 : 5671);
  const before = relay.connections;
  relay.cut();
  await sent(3, { id, from: 3 });
  await until(25, 'three more', () => numbers(reading.events, id).length >= 6);
  assert.deepEqual(numbers(reading.events, id), [0, 1, 2, 3, 4, 5]); // the client goes on behind the last
  assert.ok(relay.connections > before, 'a new connection');
});

suite.run();
