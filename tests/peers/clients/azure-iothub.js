// The vendor's service SDK: commands and feedback over AMQP, the registry over HTTPS. The far side is
// the hub's control door, which takes the device's part, too.
'use strict';

const assert = require('node:assert/strict');
const iothub = require('azure-iothub');
const { Message } = require('azure-iot-common');
const { NoRetry } = require('azure-iothub/dist/common-core/retry_policy');
const { IotHubGatewayServiceAPIs } = require('azure-iothub/dist/pl/iotHubGatewayServiceAPIs');
const suite = require('../suite');
const { hub, cell, not_offered, new_device, Inbox, closes, command, receive, settle, sleep, until, throws } = suite;

const wrong_key = hub.service.replace(/SharedAccessKey=.*/, `SharedAccessKey=${Buffer.alloc(32, 'x').toString('base64')}`);

// ---- Commands and feedback, over AMQP.

function client_of(connection_string, { retry = false } = {}) {
  const client = iothub.Client.fromConnectionString(connection_string, hub.transport === 'amqp' ? iothub.Amqp : iothub.AmqpWs);
  if (!retry) client.setRetryPolicy(new NoRetry());
  client.on('disconnect', () => {});
  closes(() => client.close());
  return client;
}

async function opened(more) {
  const client = client_of(hub.service, more);
  await client.open();
  return client;
}

function order(number, more = {}) {
  const made = new Message(`{"order":${number},"pad":"\u00fc\u20ac"}`);
  made.messageId = `x${number}`;
  made.correlationId = `y${number}`;
  made.contentType = 'application/json';
  made.contentEncoding = 'utf-8';
  made.ack = 'full';
  made.expiryTimeUtc = Date.now() + 600_000;
  made.properties.add('number', String(number));
  made.properties.add('odd', 'a b&c=d/e?f%25+\u00fc\u20ac');
  return Object.assign(made, more);
}

function assert_queued(queued, number, sent) {
  const { message } = queued;
  assert.equal(message.body, `{"order":${number},"pad":"\u00fc\u20ac"}`);
  assert.equal(message.messageId, sent.messageId);
  assert.equal(message.correlationId, `y${number}`);
  assert.equal(message.contentType, 'application/json');
  assert.equal(message.contentEncoding, 'utf-8');
  assert.equal(message.ack, 'full');
  assert.equal(Date.parse(queued.expiry), sent.expiryTimeUtc);
  assert.equal(message.properties.number, String(number));
  assert.equal(message.properties.odd, 'a b&c=d/e?f%25+\u00fc\u20ac');
}

// The feedback records of whatever batches come, by the id of their command.
async function feedback_of(client) {
  const { result, ...other } = await client.getFeedbackReceiver();
  const receiver = result ?? other.receiver;
  const records = new Map();
  const seen = new Inbox();
  receiver.on('error', () => {});
  receiver.on('message', (batch) => {
    seen.put(batch);
    for (const record of JSON.parse(batch.getData().toString())) records.set(record.originalMessageId, record);
  });
  return { records, seen };
}

const relay = () => peers.doors.get(hub.transport === 'amqp' ? 5671 : 443);

function over_amqp() {
  cell('open', { core: true }, async () => {
    const client = client_of(hub.service);
    await client.open();
    await client.close();
  });

  cell('wrong key refused', { core: true }, async () => {
    // The SDK knows the error of the put-token by its name only one level down.
    await assert.rejects(() => client_of(wrong_key).open(), (error) => error.amqpError?.name === 'UnauthorizedError');
  });

  cell('send', { core: true }, async () => {
    const id = new_device();
    const client = await opened();
    const sent = [];
    for (let number = 0; number < 5; ++number) {
      sent.push(order(number));
      await client.send(id, sent[number]);
    }
    for (let number = 0; number < 5; ++number) {
      const queued = await receive(id);
      assert_queued(queued, number, sent[number]);
      await settle(id, queued.token, 'complete');
    }
    assert.equal(await receive(id), undefined);
  });

  cell('send, bytes', {}, async () => {
    const id = new_device();
    const client = await opened();
    const every = Buffer.from([...Array(256).keys()]);
    await client.send(id, new Message(every));
    const queued = await receive(id);
    assert.deepEqual(Buffer.from(queued.message.body.base64, 'base64'), every);
  });

  cell('unknown device refused', {}, async () => {
    const client = await opened();
    await throws('DeviceNotFoundError', () => client.send('nobody', order(1)));
    const id = new_device(); // and the link goes on
    await client.send(id, order(2));
    assert.equal((await receive(id)).message.messageId, 'x2');
  });

  cell('full queue refused', {}, async () => {
    const id = new_device();
    const client = await opened();
    for (let number = 0; number < 50; ++number) await client.send(id, order(number));
    await throws('DeviceMaximumQueueDepthExceededError', () => client.send(id, order(50)));
  });

  cell('feedback', { seconds: 60 }, async () => {
    const id = new_device();
    const client = await opened();
    const { records, seen } = await feedback_of(client);
    const begun = Date.now();
    const expected = { 'f-success': 'Success', 'f-rejected': 'Rejected', 'f-purged': 'Purged', 'f-expired': 'Expired' };
    await client.send(id, order(1, { messageId: 'f-success' }));
    await settle(id, (await receive(id)).token, 'complete');
    await client.send(id, order(2, { messageId: 'f-rejected' }));
    await settle(id, (await receive(id)).token, 'reject');
    await client.send(id, order(3, { messageId: 'f-purged' }));
    await suite.asked('DELETE', `/devices/${id}/commands`, undefined, [200]);
    await client.send(id, order(4, { messageId: 'f-expired', expiryTimeUtc: Date.now() + 1000 }));
    await until(50, 'four feedback records', () => Object.keys(expected).every((each) => records.has(each)));
    for (const [message_id, status] of Object.entries(expected)) {
      const record = records.get(message_id);
      assert.equal(record.description, status, message_id);
      assert.equal(record.deviceId, id);
      assert.ok(record.deviceGenerationId);
      const date = Date.parse(record.enqueuedTimeUtc);
      assert.ok(date > begun - 10_000 && date < Date.now() + 10_000, `${message_id} at ${record.enqueuedTimeUtc}`);
    }
    assert.equal([...records.values()].filter((each) => each.deviceId === id).length, 4);
    assert.equal(seen.all[0].contentType, 'application/vnd.microsoft.iothub.feedback.json');
  });

  cell('token renewal', { seconds: 30 }, async () => {
    const id = new_device();
    const before = relay().connections;
    const written = peers.written.length;
    peers.hurry = 2000; // in place of 45 minutes
    try {
      const client = await opened();
      await client.send(id, order(1));
      await sleep(3000);
      await client.send(id, order(2));
      assert.equal((await receive(id)).message.messageId, 'x1');
      assert.equal((await receive(id)).message.messageId, 'x2');
      assert.equal(peers.count('put-token', written), 2);
      assert.equal(relay().connections - before, 1);
    } finally {
      peers.hurry = 0;
    }
  });

  cell('reconnect after a cut', { core: true, seconds: 40 }, async () => {
    const id = new_device();
    const client = await opened({ retry: true });
    const disconnected = new Promise((done) => client.once('disconnect', done));
    await client.send(id, order(1));
    const before = relay().connections;
    // While nothing is under way: the loss of a connection with a send under way makes the SDK recurse
    // without end (its error's amqpError is the error itself), which ends the process.
    relay().cut();
    await disconnected;
    await client.send(id, order(2));
    await client.send(id, order(3));
    assert.ok(relay().connections > before, 'a new connection');
    const found = [];
    for (let queued; (queued = await receive(id)); ) {
      found.push(queued.message.messageId);
      await settle(id, queued.token, 'complete');
    }
    // At least once: each was accepted, so each is there; one may be there twice.
    assert.deepEqual([...new Set(found)], ['x1', 'x2', 'x3']);
  });
}

// ---- The registry and what else goes over HTTPS.

const registry = () => iothub.Registry.fromConnectionString(hub.service);
const body_of = async (promise) => (await promise).responseBody;

let named = 0;
const fresh = () => `made-${++named}`;

function generated() {
  const credentials = new iothub.IoTHubTokenCredentials(hub.service);
  return new IotHubGatewayServiceAPIs(credentials, { baseUri: `https://${credentials.getHubName()}` });
}

async function as_device(id, keys) {
  const { Client } = require('azure-iot-device');
  const { Mqtt } = require('azure-iot-device-mqtt');
  const host = /HostName=([^;]+)/.exec(hub.service)[1];
  const client = Client.fromConnectionString(`HostName=${host};DeviceId=${id};SharedAccessKey=${keys}`, Mqtt);
  client.setRetryPolicy(new NoRetry());
  client.on('error', () => {});
  closes(() => client.close());
  await client.open();
  return client;
}

function over_http() {
  const keys = { primaryKey: Buffer.alloc(32, 'p').toString('base64'), secondaryKey: Buffer.alloc(32, 's').toString('base64') };

  cell('wrong key refused', { core: true }, async () => {
    await throws('UnauthorizedError', () => iothub.Registry.fromConnectionString(wrong_key).list());
  });

  cell('create', { core: true }, async () => {
    const id = fresh();
    const made = await body_of(registry().create({ deviceId: id, status: 'enabled', authentication: { symmetricKey: keys } }));
    assert.equal(made.deviceId, id);
    assert.equal(made.status, 'enabled');
    assert.equal(made.authentication.symmetricKey.primaryKey, keys.primaryKey);
    assert.equal(made.authentication.symmetricKey.secondaryKey, keys.secondaryKey);
    assert.ok(made.generationId);
    assert.ok(made.etag);
    await as_device(id, keys.primaryKey); // both keys open the door
    await as_device(id, keys.secondaryKey);
  });

  cell('create, keys left to the hub', {}, async () => {
    const id = fresh();
    const { primaryKey, secondaryKey } = (await body_of(registry().create({ deviceId: id }))).authentication.symmetricKey;
    assert.ok(Buffer.from(primaryKey, 'base64').length >= 16);
    assert.notEqual(primaryKey, secondaryKey);
    await as_device(id, primaryKey);
  });

  cell('create, exists already', { core: true }, async () => {
    const id = fresh();
    await registry().create({ deviceId: id });
    await throws('DeviceAlreadyExistsError', () => registry().create({ deviceId: id }));
  });

  cell('get', { core: true }, async () => {
    const id = fresh();
    const made = await body_of(registry().create({ deviceId: id }));
    const got = await body_of(registry().get(id));
    for (const name of ['deviceId', 'generationId', 'etag', 'status']) assert.equal(got[name], made[name], name);
    assert.deepEqual(got.authentication.symmetricKey, made.authentication.symmetricKey);
    assert.equal(got.connectionState, 'Disconnected');
    assert.equal(got.cloudToDeviceMessageCount, 0);
    await command(id, { body: 'x' });
    await as_device(id, made.authentication.symmetricKey.primaryKey);
    const busy = await body_of(registry().get(id));
    assert.equal(busy.connectionState, 'Connected');
    assert.equal(busy.cloudToDeviceMessageCount, 1);
  });

  cell('get, not there', { core: true }, async () => {
    await throws('DeviceNotFoundError', () => registry().get('nobody'));
  });

  cell('an odd name', {}, async () => {
    const id = `odd-${fresh()}:.+%_#*?!(),=@$'`;
    await registry().create({ deviceId: id });
    assert.equal((await body_of(registry().get(id))).deviceId, id);
    await registry().delete(id);
    await throws('DeviceNotFoundError', () => registry().get(id));
  });

  cell('update', { core: true }, async () => {
    const id = fresh();
    const made = await body_of(registry().create({ deviceId: id, authentication: { symmetricKey: keys } }));
    await as_device(id, keys.primaryKey);
    const off = await body_of(registry().update({ deviceId: id, status: 'disabled', statusReason: 'a test' }));
    assert.equal(off.status, 'disabled');
    assert.equal(off.statusReason, 'a test');
    assert.notEqual(off.etag, made.etag);
    assert.equal(off.generationId, made.generationId);
    // The SDK sends empty keys with an update that has none: they are not meant.
    assert.equal(off.authentication.symmetricKey.primaryKey, keys.primaryKey);
    // CONNACK says 3 or 5 to a device that is disabled: both are right.
    await assert.rejects(() => as_device(id, keys.primaryKey), (error) => ['UnauthorizedError', 'ServiceUnavailableError'].includes(error.name));
    await registry().update({ deviceId: id, status: 'enabled' });
    await as_device(id, keys.primaryKey);
  });

  cell('update, new keys', {}, async () => {
    const id = fresh();
    await registry().create({ deviceId: id, authentication: { symmetricKey: keys } });
    const other = Buffer.alloc(32, 'o').toString('base64');
    await registry().update({ deviceId: id, status: 'enabled', authentication: { symmetricKey: { primaryKey: other, secondaryKey: keys.secondaryKey } } });
    await throws('UnauthorizedError', () => as_device(id, keys.primaryKey));
    await as_device(id, other);
    await as_device(id, keys.secondaryKey);
  });

  cell('list', { core: true }, async () => {
    const mine = [fresh(), fresh(), fresh()];
    for (const id of mine) await registry().create({ deviceId: id });
    const all = (await body_of(registry().list())).map((device) => device.deviceId);
    for (const id of mine) assert.equal(all.filter((each) => each === id).length, 1, id);
    for (const id of Object.keys(hub.devices)) assert.ok(all.includes(id), id);
  });

  cell('delete', { core: true }, async () => {
    const id = fresh();
    const first = await body_of(registry().create({ deviceId: id }));
    await registry().delete(id);
    await throws('DeviceNotFoundError', () => registry().get(id));
    await throws('DeviceNotFoundError', () => registry().delete(id));
    const second = await body_of(registry().create({ deviceId: id })); // another device of the same name
    assert.notEqual(second.generationId, first.generationId);
  });

  cell('bulk create, update and delete', {}, async () => {
    const ids = [...Array(100)].map(fresh);
    const added = await body_of(registry().addDevices(ids.map((deviceId) => ({ deviceId, status: 'enabled' }))));
    assert.deepEqual(added, { isSuccessful: true, errors: [], warnings: [] });
    const updated = await body_of(registry().updateDevices(ids.map((deviceId) => ({ deviceId, status: 'disabled' })), true));
    assert.equal(updated.isSuccessful, true);
    for (const id of [ids[0], ids[99]]) assert.equal((await body_of(registry().get(id))).status, 'disabled');
    const removed = await body_of(registry().removeDevices(ids.map((deviceId) => ({ deviceId })), true));
    assert.equal(removed.isSuccessful, true);
    for (const id of [ids[0], ids[99]]) await throws('DeviceNotFoundError', () => registry().get(id));
  });

  cell('bulk, one of two exists', {}, async () => {
    const there = fresh();
    const fine = fresh();
    await registry().create({ deviceId: there });
    // Which status the answer has is open; what it says of each device is not.
    const answer = await body_of(registry().addDevices([{ deviceId: there }, { deviceId: fine }])).catch((error) => JSON.parse(error.responseBody));
    assert.equal(answer.isSuccessful, false);
    assert.deepEqual(answer.errors.map((each) => each.deviceId), [there]);
    assert.equal((await body_of(registry().get(fine))).deviceId, fine);
  });

  cell('bulk delete with a stale ETag', {}, async () => {
    const id = fresh();
    const made = await body_of(registry().create({ deviceId: id }));
    await registry().update({ deviceId: id, status: 'disabled' });
    const answer = await body_of(registry().removeDevices([{ deviceId: id, etag: made.etag }], false)).catch((error) => JSON.parse(error.responseBody));
    assert.equal(answer.isSuccessful, false);
    assert.equal((await body_of(registry().get(id))).deviceId, id);
  });

  cell('statistics', { core: true }, async () => {
    const before = await body_of(registry().getRegistryStatistics());
    const id = fresh();
    await registry().create({ deviceId: id, status: 'disabled' });
    await registry().create({ deviceId: fresh() });
    const after = await body_of(registry().getRegistryStatistics());
    assert.deepEqual(
      [after.totalDeviceCount, after.enabledDeviceCount, after.disabledDeviceCount],
      [before.totalDeviceCount + 2, before.enabledDeviceCount + 1, before.disabledDeviceCount + 1],
    );
    assert.equal(before.totalDeviceCount, before.enabledDeviceCount + before.disabledDeviceCount);
  });

  cell('purge', { core: true }, async () => {
    const id = new_device();
    for (let number = 0; number < 3; ++number) await command(id, { body: String(number) });
    const purged = await generated().cloudToDeviceMessages.purgeCloudToDeviceMessageQueue(id);
    assert.equal(purged._response.status, 200);
    assert.equal(purged.deviceId, id);
    assert.equal(purged.totalMessagesPurged, 3);
    assert.equal(await receive(id), undefined);
    assert.equal((await generated().cloudToDeviceMessages.purgeCloudToDeviceMessageQueue(id)).totalMessagesPurged, 0);
  });

  cell('feedback', { seconds: 60 }, async () => {
    const id = new_device();
    const api = generated().cloudToDeviceMessages;
    await command(id, { body: 'x', messageId: 'over-http', ack: 'full' });
    await settle(id, (await receive(id)).token, 'complete');
    const batch = await until(40, 'a batch of feedback', async () => {
      const { _response } = await api.receiveFeedbackNotification();
      return _response.status === 200 ? _response : undefined;
    });
    const records = JSON.parse(batch.bodyAsText);
    assert.equal(records[0].originalMessageId, 'over-http');
    assert.equal(records[0].description, 'Success');
    const token = batch.headers.get('etag').slice(1, -1);
    const abandoned = await api.abandonFeedbackNotification(token);
    assert.equal(abandoned._response.status, 204);
    const again = (await api.receiveFeedbackNotification())._response; // at once
    assert.equal(again.status, 200);
    assert.deepEqual(JSON.parse(again.bodyAsText), records);
    const completed = await api.completeFeedbackNotification(again.headers.get('etag').slice(1, -1));
    assert.equal(completed._response.status, 204);
    assert.equal((await api.receiveFeedbackNotification())._response.status, 204);
  });

  not_offered('reconnect after a cut', 'each request of the SDK may take a new connection: it keeps none', async () => {
    await registry().get(Object.keys(hub.devices)[0]);
    peers.doors.get(443).cut();
    await registry().get(Object.keys(hub.devices)[0]);
  });
  not_offered('token renewal', 'the SDK signs a token for each request');
}

if (hub.transport === 'http') over_http();
else over_amqp();
suite.run();
