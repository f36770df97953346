// rhea, the AMQP 1.0 library below the vendor's SDKs, used bare: link by link, with the outcomes and
// settle modes that no SDK shows, both kinds of beginning, and the redirect to the events.
'use strict';

const assert = require('node:assert/strict');
const rhea = require('rhea');
const WebSocket = require('ws');
const suite = require('../suite');
const { hub, host, parts, token_for, cell, new_device, device_token, service_token, Inbox, closes, command, receive, telemetry, sleep, within } = suite;

const event = (emitter, good, bad = []) =>
  within(10, good, new Promise((done, failed) => {
    emitter.once(good, done);
    for (const each of bad) emitter.once(each, (context) => failed(context.connection?.error ?? context.error ?? context[each.split('_')[0]]?.error ?? new Error(each)));
  }));

// An open connection. Without a user it begins bare, as the vendor's SDKs do; with one by SASL.
async function connected({ username, password } = {}) {
  const container = rhea.create_container();
  const common = { hostname: host(), reconnect: false, username, password };
  const options = hub.transport === 'amqp'
    ? { ...common, transport: 'tls', host: host(), port: 5671, servername: host() }
    : { ...common, connection_details: container.websocket_connect(WebSocket)(`wss://${host()}:443/$iothub/websocket`, ['AMQPWSB10'], {}) };
  const connection = container.connect(options);
  closes(() => connection.close());
  connection.on('disconnected', () => {});
  connection.on('error', () => {});
  await event(connection, 'connection_open', ['connection_error', 'disconnected']);
  return connection;
}

// Puts a token; gives the status code of the answer.
async function put_token(connection, audience, token) {
  const sender = connection.open_sender('$cbs');
  const receiver = connection.open_receiver({ source: '$cbs' });
  await Promise.all([event(sender, 'sendable'), event(receiver, 'receiver_open')]);
  const id = `put-${Math.random()}`;
  const answer = event(receiver, 'message');
  sender.send({
    message_id: id, to: '$cbs', reply_to: 'cbs',
    application_properties: { operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: audience },
    body: token,
  });
  const { message } = await answer;
  assert.equal(message.correlation_id, id);
  sender.close();
  receiver.close();
  return message.application_properties['status-code'];
}

async function as_device(id, more) {
  const connection = await connected(more);
  assert.equal(await put_token(connection, `${host()}/devices/${id}`, device_token(id)), 200);
  return connection;
}
async function as_service() {
  const connection = await connected();
  assert.equal(await put_token(connection, host(), service_token()), 200);
  return connection;
}

const up = (id) => `/devices/${id}/messages/events`;
const down = (id) => `/devices/${id}/messages/devicebound`;

async function sender_to(connection, options) {
  const sender = connection.open_sender(options);
  await event(sender, 'sendable', ['sender_error', 'sender_close']);
  return sender;
}

// Sends one message; gives the event that tells its outcome: accepted, rejected, released or modified.
function outcome(sender, message) {
  const delivery = sender.send(message);
  return within(10, 'an outcome', new Promise((done) => {
    for (const each of ['accepted', 'rejected', 'released', 'modified'])
      sender.on(each, (context) => context.delivery === delivery && done({ is: each, error: delivery.remote_state?.error }));
  }));
}

// A receiver whose messages wait for the test to settle them.
async function inbox_of(connection, options) {
  const inbox = new Inbox();
  const receiver = connection.open_receiver({ autoaccept: false, autosettle: true, credit_window: 100, ...options });
  receiver.on('message', ({ message, delivery }) => inbox.put({ message, delivery }));
  await event(receiver, 'receiver_open', ['receiver_error', 'receiver_close']);
  inbox.receiver = receiver;
  return inbox;
}

const text = (message) => (message.body?.content ?? message.body).toString();
const message_of = (number) => ({
  message_id: `m${number}`, correlation_id: `c${number}`, content_type: 'application/json', content_encoding: 'utf-8',
  application_properties: { number: String(number), odd: 'a b&c=d/e?f%25+\u00fc\u20ac' },
  body: rhea.message.data_section(Buffer.from(`body ${number}`)),
});

// ---- Opening.

cell('open, bare', { core: true }, async () => {
  const connection = await as_device(new_device());
  connection.close();
  await event(connection, 'connection_close');
});

cell('open, SASL ANONYMOUS', { core: true }, async () => {
  const id = new_device();
  const connection = await as_device(id, { username: 'anonymous' });
  const sender = await sender_to(connection, { target: up(id) });
  assert.equal((await outcome(sender, message_of(1))).is, 'accepted');
  assert.equal((await telemetry(id)).length, 1);
});

cell('wrong key refused', { core: true }, async () => {
  const id = new_device();
  const connection = await connected();
  assert.equal(await put_token(connection, `${host()}/devices/${id}`, suite.wrong_token(id)), 401);
});

cell('no token, no link', { core: true }, async () => {
  const id = new_device();
  const connection = await connected();
  const sender = connection.open_sender({ target: up(id) });
  const failed = await within(10, 'a refusal', new Promise((done) => {
    sender.on('sender_error', () => done(sender.error));
    connection.on('connection_error', () => done(connection.error));
    connection.on('disconnected', () => done({ condition: 'disconnected' }));
  }));
  assert.equal(failed.condition, 'amqp:unauthorized-access');
  assert.deepEqual(await telemetry(id), []);
});

cell('another device refused', {}, async () => {
  const [id, other] = [new_device(), new_device()];
  const connection = await as_device(id);
  const sender = connection.open_sender({ target: up(other) });
  await event(sender, 'sender_error');
  assert.equal(sender.error.condition, 'amqp:unauthorized-access');
  assert.deepEqual(await telemetry(other), []);
});

// ---- Telemetry.

cell('telemetry', { core: true }, async () => {
  const id = new_device();
  const sender = await sender_to(await as_device(id), { target: up(id) });
  for (let number = 0; number < 10; ++number) assert.equal((await outcome(sender, message_of(number))).is, 'accepted');
  const stored = await telemetry(id);
  assert.deepEqual(stored.map((each) => each.message.body), [...Array(10).keys()].map((number) => `body ${number}`));
  stored.forEach(({ message }, number) => {
    assert.equal(message.messageId, `m${number}`);
    assert.equal(message.correlationId, `c${number}`);
    assert.equal(message.contentType, 'application/json');
    assert.deepEqual(message.properties, message_of(number).application_properties);
  });
});

cell('telemetry, settled by the sender', {}, async () => {
  const id = new_device();
  const connection = await as_device(id);
  const fast = await sender_to(connection, { target: up(id), snd_settle_mode: 1 });
  for (let number = 0; number < 5; ++number) fast.send(message_of(number));
  const safe = await sender_to(connection, { target: up(id) });
  await outcome(safe, message_of(5)); // the link may be slower, the connection keeps its order
  assert.deepEqual((await telemetry(id)).map((each) => each.message.body), [...Array(6).keys()].map((number) => `body ${number}`));
});

cell('telemetry, too large', {}, async () => {
  const id = new_device();
  const connection = await as_device(id);
  const sender = await sender_to(connection, { target: up(id) });
  const large = { body: rhea.message.data_section(Buffer.alloc(300 * 1024)) };
  const how = await within(10, 'a refusal', Promise.race([
    outcome(sender, large),
    event(sender, 'sender_error').then(() => ({ is: 'detached', error: sender.error })),
  ]));
  assert.ok(['rejected', 'detached'].includes(how.is), how.is);
  assert.equal(how.error.condition, 'amqp:link:message-size-exceeded');
  assert.deepEqual(await telemetry(id), []);
});

// ---- Commands.

cell('receive', { core: true }, async () => {
  const id = new_device();
  await command(id, { body: 'waits', messageId: 'x0', properties: { odd: '\u00fc' }, ack: 'full', ttl: '600s' });
  const inbox = await inbox_of(await as_device(id), { source: down(id) });
  await command(id, { body: 'comes', messageId: 'x1' });
  const [one, two] = [await inbox.next(), await inbox.next()];
  assert.deepEqual([text(one.message), text(two.message)], ['waits', 'comes']);
  assert.equal(one.message.message_id, 'x0');
  assert.equal(one.message.application_properties.odd, '\u00fc');
  assert.equal(one.message.application_properties['iothub-ack'], 'full');
  assert.ok(one.message.absolute_expiry_time > Date.now() + 500_000);
  one.delivery.accept();
  two.delivery.accept();
  await sleep(300);
  inbox.receiver.close();
  await sleep(200);
  assert.equal(await receive(id), undefined);
});

cell('complete, reject, release, modify', { core: true }, async () => {
  const id = new_device();
  for (const body of ['a', 'b', 'c', 'd']) await command(id, { body, messageId: `set-${body}` });
  const inbox = await inbox_of(await as_device(id), { source: down(id) });
  const four = [await inbox.next(), await inbox.next(), await inbox.next(), await inbox.next()];
  assert.deepEqual(four.map((each) => text(each.message)), ['a', 'b', 'c', 'd']);
  for (const [each, f] of [[four[0], 'accept'], [four[1], 'reject'], [four[2], 'release'], [four[3], 'modified']]) {
    if (f === 'modified') each.delivery.modified({ delivery_failed: true });
    else each.delivery[f]();
    await sleep(50); // one disposition for each
  }
  const again = [await inbox.next(), await inbox.next()]; // both were given back
  assert.deepEqual(again.map((each) => text(each.message)).sort(), ['c', 'd']);
  for (const each of again) each.delivery.accept();
  await sleep(300);
  inbox.receiver.close();
  await sleep(200);
  assert.equal(await receive(id), undefined);
});

cell('a range of deliveries', {}, async () => {
  const id = new_device();
  for (let number = 0; number < 10; ++number) await command(id, { body: String(number) });
  const inbox = await inbox_of(await as_device(id), { source: down(id) });
  for (let number = 0; number < 10; ++number) await inbox.next();
  for (const { delivery } of inbox.all) delivery.accept(); // in one turn: one disposition for all
  await sleep(300);
  inbox.receiver.close();
  await sleep(200);
  assert.equal(await receive(id), undefined);
});

cell('credit is kept to', {}, async () => {
  const id = new_device();
  for (let number = 0; number < 5; ++number) await command(id, { body: String(number) });
  const inbox = await inbox_of(await as_device(id), { source: down(id), credit_window: 0 });
  await inbox.none(0.5, 'without credit');
  inbox.receiver.add_credit(2);
  assert.equal(text((await inbox.next()).message), '0');
  assert.equal(text((await inbox.next()).message), '1');
  await inbox.none(0.5, 'with its credit used');
  const drained = event(inbox.receiver, 'receiver_drained');
  for (const { delivery } of inbox.all) delivery.accept();
  inbox.receiver.add_credit(10);
  inbox.receiver.drain_credit();
  await drained;
  assert.deepEqual(inbox.all.map((each) => text(each.message)), ['0', '1', '2', '3', '4']);
});

cell('what is not settled comes again', {}, async () => {
  const id = new_device();
  await command(id, { body: 'x' });
  const first = await inbox_of(await as_device(id), { source: down(id) });
  await first.next();
  first.receiver.connection.close();
  await event(first.receiver.connection, 'connection_close');
  const second = await inbox_of(await as_device(id), { source: down(id) });
  const again = await second.next();
  assert.equal(text(again.message), 'x');
  again.delivery.accept();
  await sleep(200);
});

// ---- The service.

cell('send and feedback', { seconds: 60 }, async () => {
  const id = new_device();
  const connection = await as_service();
  const sender = await sender_to(connection, { target: '/messages/devicebound' });
  const feedback = await inbox_of(connection, { source: '/messages/serviceBound/feedback' });
  const order = (to, more) => ({ message_id: 'fb-1', to: `/devices/${to}/messages/devicebound`, application_properties: { 'iothub-ack': 'full' }, body: rhea.message.data_section(Buffer.from('x')), ...more });
  assert.equal((await outcome(sender, order(id))).is, 'accepted');
  const refused = await outcome(sender, order('nobody'));
  assert.equal(refused.is, 'rejected');
  assert.equal(refused.error.condition, 'amqp:not-found');
  await suite.settle(id, (await receive(id)).token, 'complete');
  // The commands of other cells have their records, too.
  let batch;
  let records;
  for (let record; !record; ) {
    batch?.delivery.accept();
    batch = await feedback.next(30, 'a batch of feedback');
    records = JSON.parse(text(batch.message));
    record = records.find((each) => each.originalMessageId === 'fb-1');
    if (record) assert.deepEqual([record.description, record.deviceId], ['Success', id]);
  }
  batch.delivery.release(); // abandoned: it comes again
  const again = await feedback.next(10, 'the batch again');
  assert.deepEqual(JSON.parse(text(again.message)), records);
  again.delivery.accept();
  await feedback.none(1, 'completed feedback');
});

// ---- Telemetry, read.

const events = parts(hub.events);
const endpoint = new URL(events.Endpoint.replace(/^sb:/, 'http:'));

// Event Hubs keys are texts: signed with as they stand.
function events_token(resource) {
  return token_for(resource, Buffer.from(events.SharedAccessKey).toString('base64'), { policy: events.SharedAccessKeyName });
}

async function read_with(filter) {
  const id = new_device();
  const sender = await sender_to(await as_device(id), { target: up(id) });
  for (let number = 0; number < 5; ++number) await outcome(sender, message_of(number));
  const connection = await connected({ username: events.SharedAccessKeyName });
  let found = [];
  for (let partition = 0; found.length < 5; ++partition) {
    const entity = `${events.EntityPath}/ConsumerGroups/$Default/Partitions/${partition}`;
    const audience = `sb://${endpoint.host}/${entity}`;
    assert.equal(await put_token(connection, audience, events_token(audience)), 200);
    const described = rhea.types.wrap_described(filter, 0x0000468c00000004);
    const inbox = await inbox_of(connection, { source: { address: entity, filter: { 'apache.org:selector-filter:string': described } }, autoaccept: true });
    await sleep(500);
    found = inbox.all.filter((each) => each.message.message_annotations['iothub-connection-device-id'] === id);
    inbox.receiver.close();
  }
  return found;
}

cell('read from start', { core: true }, async () => {
  const found = await read_with("amqp.annotation.x-opt-offset > '-1'");
  assert.deepEqual(found.map((each) => text(each.message)), [...Array(5).keys()].map((number) => `body ${number}`));
  const sequences = found.map((each) => Number(each.message.message_annotations['x-opt-sequence-number']));
  assert.deepEqual(sequences, [...sequences].sort((a, b) => a - b));
  assert.equal(typeof found[0].message.message_annotations['x-opt-offset'], 'string');
});

cell('redirect to the events', {}, async () => {
  // As the vendor's sample finds the endpoint: SASL PLAIN at the hub, a link that is sent elsewhere.
  const { SharedAccessKey, SharedAccessKeyName } = parts(hub.service);
  const password = token_for(`${host()}/messages/events`, SharedAccessKey, { policy: SharedAccessKeyName });
  const connection = await connected({ username: `${SharedAccessKeyName}@sas.root.${host().split('.')[0]}`, password });
  const receiver = connection.open_receiver({ source: `amqps://${host()}/messages/events/$management` });
  await event(receiver, 'receiver_error');
  assert.equal(receiver.error.condition, 'amqp:link:redirect');
  const { info } = receiver.error;
  assert.ok(info.hostname);
  assert.match(info.address, new RegExp(`:\\d+/${events.EntityPath}/\\$management$`));
});

// ---- What goes on for long.

cell('token renewal', {}, async () => {
  const id = new_device();
  const connection = await as_device(id);
  const sender = await sender_to(connection, { target: up(id) });
  await outcome(sender, message_of(1));
  assert.equal(await put_token(connection, `${host()}/devices/${id}`, device_token(id, { seconds: 7200 })), 200);
  assert.equal((await outcome(sender, message_of(2))).is, 'accepted'); // on the same link
  assert.deepEqual((await telemetry(id)).map((each) => each.message.messageId), ['m1', 'm2']);
});

cell('cut off, and again', { core: true }, async () => {
  const id = new_device();
  const first = await as_device(id);
  const inbox = await inbox_of(first, { source: down(id) });
  await command(id, { body: 'x' });
  await inbox.next();
  const gone = event(first, 'disconnected');
  peers.doors.get(hub.transport === 'amqp' ? 5671 : 443).cut();
  await gone;
  const again = await inbox_of(await as_device(id), { source: down(id) });
  assert.equal(text((await again.next()).message), 'x');
  again.all[0].delivery.accept();
  await sleep(200);
});

suite.run();
