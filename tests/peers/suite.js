// What each client's file is written with: cells, which report to the runner, and the hub's far side.
//
// A cell is one operation over one transport. It passes when its function ends without throwing, within
// its time; nothing is tried twice. The runner reads the reports as JSON lines from descriptor 3.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');

// From the runner: {transport, core, only, control, ca, ports, devices: {ID: connection string},
// service, events}.
const hub = JSON.parse(process.env.HUBPROOF_PEERS);

const report = (line) => fs.writeSync(3, JSON.stringify(line) + '\n');

class TimedOut extends Error {}

function within(seconds, what, promise) {
  let timer;
  const late = new Promise((_, failed) => {
    timer = setTimeout(() => failed(new TimedOut(`${what}: nothing after ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Asks until `f` gives something that is true.
async function until(seconds, what, f) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await f();
    if (value) return value;
    if (Date.now() > end) throw new TimedOut(`${what}: not within ${seconds} s`);
    await sleep(50);
  }
}

const cells = [];

// options: core (also run with --core), seconds (its bound; 20).
// A function may give another back: it is waited for when all cells have run, all of them together.
function cell(operation, options, run) {
  cells.push({ operation, seconds: 20, ...options, run });
}

// An operation that the client does not have over this transport, and why. `run`, if any, holds that
// the client says so itself.
function not_offered(operation, reason, run) {
  cells.push({ operation, seconds: 20, core: false, reason, run: run ?? (async () => {}) });
}

function text_of(error) {
  if (!(error instanceof Error)) return `threw ${JSON.stringify(error)}`;
  const inner = error.innerError ?? error.cause ?? error.errors?.[0];
  const text = `${error.name}: ${error.message}`.replaceAll(/\u001b\[\d+m/g, '');
  return inner instanceof Error && inner !== error ? `${text} (${inner.name}: ${inner.message})` : text;
}

// An error that nobody awaits fails the cell that runs.
let thrown = { promise: Promise.race([]), fail() {} };
function new_thrown() {
  const next = {};
  next.promise = new Promise((_, failed) => (next.fail = failed));
  next.promise.catch(() => {});
  return next;
}
process.on('uncaughtException', (error) => thrown.fail(error));
process.on('unhandledRejection', (error) => thrown.fail(error));

async function run() {
  const chosen = cells.filter((each) => (!hub.core || each.core) && (!hub.only || each.operation.includes(hub.only)));
  report({ plan: chosen.map((each) => each.operation) });
  await globalThis.peers?.start(hub.ports);
  const attempt = async (each, f, begun) => {
    try {
      const more = await within(each.seconds, each.operation, Promise.race([f(), thrown.promise]));
      if (typeof more === 'function') return more;
      report({ operation: each.operation, result: each.reason ? 'not offered' : 'pass', reason: each.reason, ms: Date.now() - begun });
    } catch (error) {
      if (process.env.HUBPROOF_PEERS_STACKS) console.error(each.operation, error);
      report({ operation: each.operation, result: 'fail', reason: text_of(error), ms: Date.now() - begun });
    }
    return undefined;
  };
  const rest = [];
  for (const each of chosen) {
    thrown = new_thrown();
    const begun = Date.now();
    const more = await attempt(each, each.run, begun);
    await clean();
    if (more) rest.push(attempt({ ...each, seconds: 40 }, more, begun));
  }
  await Promise.all(rest);
  report({ done: true });
  process.exit(0); // SDKs leave timers behind
}

// ---- What a cell opened, closed in the opposite order when it has ended, whatever became of it.

let opened = [];
function closes(f) {
  opened.push(f);
}
async function clean() {
  for (const close of opened.reverse()) await within(5, 'close', Promise.resolve().then(close)).catch(() => {});
  opened = [];
}

// ---- The far side: the hub's control door, which no SDK knows.

function ask(method, path, body) {
  const url = new URL(path, hub.control);
  return new Promise((done, failed) => {
    const request = http.request(url, { method, agent: false }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        done({ status: response.statusCode, body: text ? JSON.parse(text) : undefined });
      });
      response.on('error', failed);
    });
    request.on('error', failed);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function asked(method, path, body, expected) {
  const answer = await ask(method, path, body);
  assert.ok(expected.includes(answer.status), `${method} ${path} of the control door: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

// A device that no cell has used before.
const unused = Object.keys(hub.devices);
function new_device() {
  assert.notEqual(unused.length, 0, 'the runner gave too few devices');
  return unused.shift();
}

const command = (device, message) => asked('POST', `/devices/${encodeURIComponent(device)}/commands`, message, [201]);

// The command that is next in a device's queue, which is locked by this, or undefined.
const receive = (device) => asked('GET', `/devices/${encodeURIComponent(device)}/commands`, undefined, [200, 204]);
const settle = (device, token, how) =>
  how === 'complete'
    ? asked('DELETE', `/devices/${encodeURIComponent(device)}/commands/${token}`, undefined, [200])
    : asked('POST', `/devices/${encodeURIComponent(device)}/commands/${token}/${how}`, undefined, [200]);

// All telemetry of one device, in the order of its partition.
async function telemetry(device) {
  const events = [];
  for (let partition = 0; ; ++partition) {
    for (let from = 0; ; ) {
      const answer = await ask('GET', `/telemetry?partition=${partition}&from=${from}&limit=1000`);
      if (answer.status !== 200) return events;
      if (answer.body.events.length === 0) break;
      events.push(...answer.body.events.filter((event) => event.device === device));
      from = answer.body.events.at(-1).sequence + 1;
    }
  }
}

// The feedback record of a command; the first call starts reading, which takes the records from others.
let records;
async function feedback(message_id, seconds = 35) {
  if (!records) {
    records = new Map();
    (async () => {
      for (;;) {
        const batch = await asked('GET', '/feedback?wait=10s', undefined, [200, 204]);
        if (!batch) continue;
        for (const record of batch.records) records.set(record.originalMessageId, record);
        await asked('DELETE', `/feedback/${batch.token}`, undefined, [200]);
      }
    })().catch((error) => thrown.fail(error));
  }
  return until(seconds, `feedback on ${message_id}`, () => records.get(message_id));
}

// What arrives, to be taken one by one.
class Inbox {
  constructor() {
    this.all = [];
    this.taken = 0;
  }
  put(item) {
    this.all.push(item);
  }
  async next(seconds = 10, what = 'a message') {
    await until(seconds, what, () => this.all.length > this.taken);
    return this.all[this.taken++];
  }
  async none(seconds, what) {
    await sleep(seconds * 1000);
    assert.equal(this.all.length, this.taken, `${what}: one more than expected`);
  }
}

async function throws(name, f) {
  try {
    await f();
  } catch (error) {
    assert.equal(error.name, name, text_of(error));
    return error;
  }
  throw new Error(`expected ${name}, found success`);
}

// ---- Tokens, for clients that do not make their own.

const parts = (connection_string) =>
  Object.fromEntries(connection_string.split(';').filter(Boolean).map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]));

function token_for(resource, key, { policy, seconds = 3600 } = {}) {
  const sr = encodeURIComponent(resource);
  const se = Math.floor(Date.now() / 1000) + seconds;
  const sig = crypto.createHmac('sha256', Buffer.from(key, 'base64')).update(`${sr}\n${se}`).digest('base64');
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${se}${policy ? `&skn=${policy}` : ''}`;
}

// Of a device, for its own endpoints; of the service, for the whole hub.
function device_token(id, options) {
  const { HostName, SharedAccessKey } = parts(hub.devices[id]);
  return token_for(`${HostName}/devices/${id}`, SharedAccessKey, options);
}
function service_token(options) {
  const { HostName, SharedAccessKey, SharedAccessKeyName } = parts(hub.service);
  return token_for(HostName, SharedAccessKey, { policy: SharedAccessKeyName, ...options });
}
// As well made as a device's, with a key that is not the device's.
const wrong_token = (id) => token_for(`${host()}/devices/${id}`, Buffer.alloc(32, 'x').toString('base64'));
const host = () => parts(hub.service).HostName;

module.exports = {
  hub, host, parts, token_for, device_token, wrong_token, service_token, cell, not_offered, run, within, until, sleep, closes, ask, asked, new_device, command, receive, settle, telemetry, feedback, Inbox, throws, text_of,
};
