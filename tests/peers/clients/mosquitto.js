// mosquitto_pub and mosquitto_sub, clients in C, over TLS. This process only starts them, and has the
// relay that cuts their connections.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const suite = require('../suite');
const { hub, host, cell, new_device, device_token, closes, command, receive, telemetry, sleep, until, within } = suite;

function started(program, id, args, { password = device_token(id), input } = {}) {
  const child = spawn(program, [
    '-h', host(), '-p', String(peers.doors.get(8883).port), '--cafile', hub.ca, '-V', 'mqttv311',
    '-i', id, '-u', `${host()}/${id}/?api-version=2021-04-12`, '-P', password, ...args,
  ], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (child.said += part));
  child.stdin.end(input);
  const ended = new Promise((done) => child.once('close', done));
  child.code = () => within(12, `the end of ${program}`, ended);
  closes(() => child.kill('SIGKILL'));
  return child;
}

const up = (id) => `devices/${id}/messages/events/`;
const down = (id) => `devices/${id}/messages/devicebound/#`;

cell('open', { core: true }, async () => {
  const id = new_device();
  const subscriber = started('mosquitto_sub', id, ['-t', down(id), '-q', '1', '-E']);
  assert.equal(await subscriber.code(), 0, subscriber.said);
});

cell('wrong key refused', { core: true }, async () => {
  const id = new_device();
  const publisher = started('mosquitto_pub', id, ['-t', up(id), '-m', 'x', '-q', '1'], { password: suite.wrong_token(id) });
  assert.notEqual(await publisher.code(), 0);
  assert.deepEqual(await telemetry(id), []);
});

cell('telemetry', { core: true }, async () => {
  const id = new_device();
  const one = started('mosquitto_pub', id, ['-t', `${up(id)}%24.mid=m1&run=x%20y&seq=0`, '-m', 'hello', '-q', '1']);
  assert.equal(await one.code(), 0, one.said);
  const [event] = await telemetry(id);
  assert.equal(event.message.body, 'hello');
  assert.equal(event.message.messageId, 'm1');
  assert.deepEqual(event.message.properties, { run: 'x y', seq: '0' });
});

cell('telemetry, many at once', {}, async () => {
  const id = new_device();
  const lines = [...Array(200).keys()].map((number) => `line ${number}`);
  const many = started('mosquitto_pub', id, ['-t', up(id), '-l', '-q', '1'], { input: lines.join('\n') + '\n' });
  assert.equal(await many.code(), 0, many.said);
  assert.deepEqual((await telemetry(id)).map((event) => event.message.body), lines);
});

cell('receive', { core: true }, async () => {
  const id = new_device();
  await command(id, { body: 'waits' });
  const subscriber = started('mosquitto_sub', id, ['-t', down(id), '-q', '1', '-C', '2', '-F', '%q %p']);
  await sleep(300);
  await command(id, { body: 'comes' });
  assert.equal(await subscriber.code(), 0, subscriber.said);
  assert.deepEqual(subscriber.said.trim().split('\n'), ['1 waits', '1 comes']);
  assert.equal(await receive(id), undefined);
});

cell('the session is kept', {}, async () => {
  const id = new_device();
  const first = started('mosquitto_sub', id, ['-c', '-t', down(id), '-q', '1', '-E']);
  assert.equal(await first.code(), 0, first.said);
  await command(id, { body: 'while away' });
  const second = started('mosquitto_sub', id, ['-c', '-t', down(id), '-q', '1', '-C', '1']);
  assert.equal(await second.code(), 0, second.said);
  assert.equal(second.said.trim(), 'while away');
});

cell('reconnect after a cut', { core: true }, async () => {
  const id = new_device();
  const subscriber = started('mosquitto_sub', id, ['-c', '-t', down(id), '-q', '1', '-W', '15', '-C', '2']);
  await command(id, { body: 'before' });
  await until(10, 'a command', () => subscriber.said.includes('before'));
  await sleep(200); // its acknowledgement has arrived, too
  const relay = peers.doors.get(8883);
  relay.cut();
  await command(id, { body: 'after' });
  const code = await subscriber.code();
  assert.equal(code, 0, `it ended with ${code}: ${subscriber.said}`);
  assert.match(subscriber.said, /^before\n(.*\n)?after\n$/);
});

suite.run();
