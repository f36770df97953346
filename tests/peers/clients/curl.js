// curl, one process for each request: the device's and the service's HTTPS endpoints with nothing of an
// SDK around them, status codes and error bodies included.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const suite = require('../suite');
const { hub, host, cell, new_device, device_token, service_token, closes, command, receive, telemetry, within } = suite;

// {status, headers, body}. A body that is an object goes and comes as JSON.
async function curl(method, path, { token, headers = {}, body, version = '2021-04-12' } = {}) {
  const url = `https://${host()}:${peers.doors.get(443).port}${path}${path.includes('?') ? '&' : '?'}api-version=${version}`;
  const lines = { ...(token ? { Authorization: token } : {}), ...headers };
  const child = spawn('curl', [
    '--silent', '--show-error', '--include', '--max-time', '10', '--cacert', hub.ca, '--http1.1', '--request', method,
    ...Object.entries(lines).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
    ...(body === undefined ? [] : ['--data-binary', '@-']), url,
  ], { stdio: ['pipe', 'pipe', 'pipe'] });
  closes(() => child.kill('SIGKILL'));
  child.stdin.on('error', () => {});
  child.stdin.end(body === undefined ? undefined : Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body));
  let said = '';
  let wrong = '';
  child.stdout.on('data', (part) => (said += part));
  child.stderr.on('data', (part) => (wrong += part));
  const code = await within(12, 'curl', new Promise((done) => child.once('close', done)));
  assert.equal(code, 0, `curl ended with ${code}: ${wrong}`);
  while (/^HTTP\/1\.1 100 /.test(said)) said = said.slice(said.indexOf('\r\n\r\n') + 4);
  const end = said.indexOf('\r\n\r\n');
  const [first, ...rest] = said.slice(0, end).split('\r\n');
  const found = Object.fromEntries(rest.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
  const text = said.slice(end + 4);
  return { status: Number(first.split(' ')[1]), headers: found, text, body: /json/.test(found['content-type'] ?? '') ? JSON.parse(text) : text };
}

const up = (id) => `/devices/${id}/messages/events`;
const down = (id) => `/devices/${id}/messages/deviceBound`;

// The error body of the facts: {"Message": "ErrorCode:X;text"}.
function assert_error(answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.body.Message ?? '', new RegExp(`^ErrorCode:${code};`), answer.text);
}

cell('telemetry', { core: true }, async () => {
  const id = new_device();
  const answer = await curl('POST', up(id), {
    token: device_token(id), body: 'hello',
    headers: { 'IoTHub-MessageId': 'm1', 'IoTHub-CorrelationId': 'c1', 'iothub-app-run': 'a b', 'iothub-contenttype': 'text/plain', 'iothub-contentencoding': 'utf-8' },
  });
  assert.equal(answer.status, 204, answer.text);
  const [event] = await telemetry(id);
  assert.equal(event.message.body, 'hello');
  assert.equal(event.message.messageId, 'm1');
  assert.equal(event.message.correlationId, 'c1');
  assert.equal(event.message.contentType, 'text/plain');
  assert.deepEqual(event.message.properties, { run: 'a b' });
});

cell('telemetry batch', { core: true }, async () => {
  const id = new_device();
  const batch = [0, 1, 2].map((number) => ({ body: Buffer.from(`body ${number}`).toString('base64'), properties: { 'iothub-app-number': String(number) } }));
  const answer = await curl('POST', up(id), { token: device_token(id), body: batch, headers: { 'Content-Type': 'application/vnd.microsoft.iothub.json' } });
  assert.equal(answer.status, 204, answer.text);
  const stored = await telemetry(id);
  assert.deepEqual(stored.map((each) => [each.message.body, each.message.properties.number]), [['body 0', '0'], ['body 1', '1'], ['body 2', '2']]);
});

cell('receive, complete, reject, abandon', { core: true }, async () => {
  const id = new_device();
  const token = device_token(id);
  assert.equal((await curl('GET', down(id), { token })).status, 204);
  for (const body of ['a', 'b']) await command(id, { body, messageId: `x-${body}`, correlationId: 'y', properties: { number: '1' } });
  const first = await curl('GET', down(id), { token });
  assert.equal(first.status, 200);
  assert.equal(first.text, 'a');
  assert.equal(first.headers['iothub-messageid'], 'x-a');
  assert.equal(first.headers['iothub-correlationid'], 'y');
  assert.equal(first.headers['iothub-app-number'], '1');
  assert.match(first.headers.etag, /^".+"$/);
  const lock = (answer) => answer.headers.etag.slice(1, -1);
  assert.equal((await curl('POST', `${down(id)}/${lock(first)}/abandon`, { token, headers: { 'Content-Length': 0 } })).status, 204);
  const again = await curl('GET', down(id), { token });
  assert.equal(again.text, 'a');
  assert.notEqual(lock(again), lock(first));
  assert.equal((await curl('DELETE', `${down(id)}/${lock(first)}`, { token })).status, 412); // its lock is lost
  assert.equal((await curl('DELETE', `${down(id)}/${lock(again)}`, { token })).status, 204);
  const second = await curl('GET', down(id), { token });
  assert.equal(second.text, 'b');
  assert.equal((await curl('DELETE', `${down(id)}/${lock(second)}?reject`, { token })).status, 204);
  assert.equal((await curl('GET', down(id), { token })).status, 204);
  assert.equal(await receive(id), undefined);
});

cell('wrong key refused', { core: true }, async () => {
  const [id, other] = [new_device(), new_device()];
  for (const token of [undefined, 'nonsense', device_token(other), suite.wrong_token(id), device_token(id, { seconds: -3600 })]) {
    const answer = await curl('POST', up(id), { token, body: 'x' });
    assert.equal(answer.status, 401, `${token}: ${answer.text}`);
    assert.match(answer.text, /Unauthorized/);
  }
  assert.deepEqual(await telemetry(id), []);
});

cell('registry', { core: true }, async () => {
  const token = service_token();
  const place = '/devices/by-curl';
  const made = await curl('PUT', place, { token, body: { deviceId: 'by-curl' }, headers: { 'Content-Type': 'application/json' } });
  assert.equal(made.status, 200, made.text);
  assert.equal(made.body.deviceId, 'by-curl');
  assert_error(await curl('PUT', place, { token, body: { deviceId: 'by-curl' }, headers: { 'Content-Type': 'application/json' } }), 409, 'DeviceAlreadyExists');
  const got = await curl('GET', place, { token });
  assert.equal(got.status, 200);
  assert.equal(got.body.generationId, made.body.generationId);
  const update = { deviceId: 'by-curl', status: 'disabled' };
  assert.equal((await curl('PUT', place, { token, body: update, headers: { 'Content-Type': 'application/json', 'If-Match': '"stale"' } })).status, 412);
  const off = await curl('PUT', place, { token, body: update, headers: { 'Content-Type': 'application/json', 'If-Match': `"${made.body.etag.replaceAll('"', '')}"` } });
  assert.equal(off.status, 200, off.text);
  assert.equal(off.body.status, 'disabled');
  assert.ok((await curl('GET', '/devices/', { token })).body.some((each) => each.deviceId === 'by-curl'));
  assert.ok((await curl('GET', '/statistics/devices', { token })).body.disabledDeviceCount >= 1);
  assert.equal((await curl('DELETE', place, { token, headers: { 'If-Match': '"*"' } })).status, 204);
  assert_error(await curl('GET', place, { token }), 404, 'DeviceNotFound');
});

cell('purge', {}, async () => {
  const id = new_device();
  await command(id, { body: 'x' });
  const answer = await curl('DELETE', `/devices/${id}/commands`, { token: service_token(), version: '2020-09-30' });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.totalMessagesPurged, 1);
});

cell('bad requests refused', {}, async () => {
  const id = new_device();
  const token = device_token(id);
  assert.equal((await curl('GET', '/no/such/place', { token: service_token() })).status, 404);
  assert.equal((await curl('POST', up(id), { token, body: Buffer.alloc(300 * 1024) })).status, 413);
  const broken = await curl('POST', up(id), { token, body: '[{"body": ', headers: { 'Content-Type': 'application/vnd.microsoft.iothub.json' } });
  assert.equal(broken.status, 400, broken.text);
  assert.equal((await curl('PUT', '/devices/x', { token: service_token(), body: '{', headers: { 'Content-Type': 'application/json' } })).status, 400);
  assert.deepEqual(await telemetry(id), []);
});

suite.run();
