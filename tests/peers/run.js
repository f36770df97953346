// The runner: starts a hubproof serve of its own for each client and transport, lets the client's
// process meet it, and prints what became of each operation as a Markdown page. tools/peers calls it.
//   node run.js --program FILE [--core] [--client NAME] [--transport NAME] [--operation TEXT]
//     [--mutant NAME] [--jobs N]
// Exit code 0: every operation passed or is not offered; 1: one failed; 64: usage; 70: nothing could run.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { parseArgs } = require('node:util');

// What is run: a file of clients/ for each, with the transports that the client has.
const clients = [
  { name: 'azure-iot-device', package: 'azure-iot-device', file: 'azure-iot-device.js', transports: ['mqtt', 'mqtt-ws', 'amqp', 'amqp-ws', 'http'] },
  { name: 'azure-iothub', package: 'azure-iothub', file: 'azure-iothub.js', transports: ['amqp', 'amqp-ws', 'http'] },
  { name: '@azure/event-hubs', package: '@azure/event-hubs', file: 'event-hubs.js', transports: ['amqp', 'amqp-ws'], routed: true },
  { name: 'rhea', package: 'rhea', file: 'rhea.js', transports: ['amqp', 'amqp-ws'] },
  { name: 'MQTT.js', package: 'mqtt', file: 'mqttjs.js', transports: ['mqtt', 'mqtt-ws'] },
  { name: 'mosquitto_pub/sub', command: ['mosquitto_pub', '--version'], file: 'mosquitto.js', transports: ['mqtt'] },
  { name: 'paho (Python)', command: ['/usr/bin/python3', '-c', 'import paho.mqtt; print(paho.mqtt.__version__)'], file: 'paho_client.py', transports: ['mqtt', 'mqtt-ws'] },
  { name: 'qpid-proton (Python)', command: ['/usr/bin/python3', '-c', 'import proton; print("%d.%d.%d" % (proton.VERSION_MAJOR, proton.VERSION_MINOR, 0))'], file: 'proton_client.py', transports: ['amqp'] },
  { name: 'curl', command: ['curl', '--version'], file: 'curl.js', transports: ['http'] },
];

const { values: options } = parseArgs({
  options: {
    program: { type: 'string' },
    core: { type: 'boolean', default: false },
    client: { type: 'string' },
    transport: { type: 'string' },
    operation: { type: 'string', default: '' },
    mutant: { type: 'string' },
    jobs: { type: 'string', default: '2' },
  },
});
if (!options.program) {
  console.error('tests/peers/run.js: expected --program FILE, the hubproof to run');
  process.exit(64);
}

const begun = Date.now();
const remark = (text) => console.error(`peers: ${text}`);
const devices = [...Array(24).keys()].map((number) => `peer${number}`);
const slowest_start = 30; // seconds until serve is ready
const slowest_client = 240; // seconds for all operations of a client over a transport

// ---- Processes. Only those that are in this set are ended, each by its own id.

const running = new Set();
function start(command, args, settings) {
  const child = spawn(command, args, settings);
  running.add(child);
  child.ended = new Promise((done) => {
    child.once('exit', (code, signal) => (running.delete(child), done({ code, signal })));
    child.once('error', (error) => (running.delete(child), done({ code: null, signal: null, error })));
  });
  return child;
}
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const after = (seconds, value) => new Promise((done) => setTimeout(done, seconds * 1000, value).unref());

async function stop(child, seconds = 10) {
  child.kill('SIGTERM');
  const ended = await Promise.race([child.ended, after(seconds)]);
  if (ended) return ended;
  child.kill('SIGKILL');
  await child.ended;
  return { code: null, signal: 'SIGKILL' };
}

// ---- The hub.

class Hub {
  // `routed`: with an endpoint besides the built-in one. What is acknowledged is then not at an endpoint yet.
  constructor(folder, routed) {
    this.routed = routed;
    this.store = path.join(folder, 'store');
    this.log = path.join(folder, 'serve.log');
    fs.mkdirSync(this.store);
    this.routes = path.join(folder, 'routes.json');
    fs.writeFileSync(this.routes, JSON.stringify({ endpoints: ['alerts'], routes: [{ name: 'alerts', condition: "level = 'alert'", endpoint: 'alerts' }] }));
  }
  async start() {
    const log = fs.openSync(this.log, 'w');
    this.child = start(
      options.program,
      ['serve', '--listen', 'mqtts=127.0.0.1:0,amqps=127.0.0.1:0,https=127.0.0.1:0', '--control', '127.0.0.1:0', '--store', this.store, ...(this.routed ? ['--routes', this.routes] : []), '--devices', devices.join(','), ...(options.mutant ? ['--mutant', options.mutant] : [])],
      { stdio: ['ignore', 'pipe', log] },
    );
    fs.closeSync(log);
    this.ports = {};
    this.devices = {};
    const lines = readline.createInterface({ input: this.child.stdout });
    const ready = new Promise((done) => {
      lines.on('line', (line) => {
        this.#read(line);
        if (this.ports.control && Object.keys(this.devices).length === devices.length && this.service && this.events && (this.alerts || !this.routed)) done(true);
      });
    });
    const ended = this.child.ended.then(({ code, signal }) => `it ended with ${signal ?? code}`);
    const how = await Promise.race([ready, ended, after(slowest_start, `not ready after ${slowest_start} s`)]);
    if (how === true) return;
    if (running.has(this.child)) await stop(this.child);
    const seen = [`doors: ${Object.keys(this.ports)}`, `devices: ${Object.keys(this.devices).length}`, `service: ${Boolean(this.service)}`, `events: ${Boolean(this.events)}`];
    throw new Error(`hubproof serve: ${how}; ${seen.join(', ')}; it said: ${fs.readFileSync(this.log, 'utf8').trim()}`);
  }
  // "listening SCHEME=HOST:PORT" for each door, and a line for each connection string.
  #read(line) {
    const door = /^listening ([a-z]+)=.*:(\d+)$/.exec(line);
    if (door) this.ports[door[1]] = Number(door[2]);
    const device = /^device (.*DeviceId=([^;]+);.*)$/.exec(line);
    if (device) this.devices[device[2]] = device[1];
    const service = /^service (.*)$/.exec(line);
    if (service) this.service = service[1];
    const events = /^events (Endpoint=.*)$/.exec(line);
    if (events) this[this.events ? 'alerts' : 'events'] = events[1];
  }
  // What a client's process is told. Names lose their port: the constants of the SDKs are mapped.
  about(transport) {
    const plain = (text) => text.replace(/^(HostName=|Endpoint=sb:\/\/)([^:;/]+):\d+/, '$1$2');
    return {
      transport,
      core: options.core,
      only: options.operation,
      control: `http://127.0.0.1:${this.ports.control}`,
      ca: path.join(this.store, 'ca.pem'),
      ports: { 443: this.ports.https, 5671: this.ports.amqps, 8883: this.ports.mqtts },
      devices: Object.fromEntries(Object.entries(this.devices).map(([id, text]) => [id, plain(text)])),
      service: plain(this.service),
      events: plain(this.events),
      alerts: this.routed && plain(this.alerts), // an endpoint that a route leads to
      printed: { devices: this.devices, events: this.events },
    };
  }
}

// ---- One client over one transport: a list of {client, transport, operation, result, reason, ms}.

async function meet(client, transport) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hubproof-peers-'));
  const rows = [];
  const row = (operation, result, reason, ms) => rows.push({ client: client.name, transport, operation, result, reason, ms });
  try {
    const hub = new Hub(folder, client.routed);
    await hub.start();
    const about = hub.about(transport);
    const python = client.file.endsWith('.py');
    const file = path.join(__dirname, 'clients', client.file);
    const child = start(python ? '/usr/bin/python3' : process.execPath, python ? [file] : ['--require', path.join(__dirname, 'preload.js'), file], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: about.ca, NODE_NO_WARNINGS: '1', PYTHONDONTWRITEBYTECODE: '1', HUBPROOF_PEERS: JSON.stringify(about) },
    });
    let plan;
    let done = false;
    const lines = readline.createInterface({ input: child.stdio[3] });
    lines.on('line', (line) => {
      const said = JSON.parse(line);
      if (said.plan) plan = said.plan;
      else if (said.done) done = true;
      else row(said.operation, said.result, said.reason, said.ms);
    });
    const read = new Promise((closed) => lines.once('close', closed));
    const ended = await Promise.race([child.ended, after(slowest_client)]);
    if (!ended) await stop(child, 2);
    await Promise.race([read, after(5)]);
    const how = !ended ? `the client was ended after ${slowest_client} s` : ended.error ? `the client cannot be started: ${ended.error.message}` : `the client ended with ${ended.signal ?? ended.code}`;
    for (const operation of plan ?? ['start'])
      if (!rows.some((each) => each.operation === operation)) row(operation, 'fail', `${how} before it said what became of this`);
    if (plan && !done) row('end', 'fail', how);
    if (!running.has(hub.child)) row('hub', 'fail', `hubproof serve ended: ${fs.readFileSync(hub.log, 'utf8').trim().slice(-400)}`);
    else {
      const { code, signal } = await stop(hub.child);
      if (code !== 0) row('hub', 'fail', `hubproof serve ended with ${signal ?? code}: ${fs.readFileSync(hub.log, 'utf8').trim().slice(-400)}`);
    }
  } catch (error) {
    row('start', 'fail', error.message);
  }
  if (process.env.HUBPROOF_PEERS_KEEP) remark(`kept ${folder}`);
  else fs.rmSync(folder, { recursive: true });
  const failed = rows.filter((each) => each.result === 'fail').length;
  remark(`${client.name} over ${transport}: ${rows.length} operations, ${failed} failed`);
  return rows;
}

// ---- The page.

async function version_of(client) {
  if (client.package) {
    const file = require.resolve(client.package).split(path.join('node_modules', client.package))[0];
    return JSON.parse(fs.readFileSync(path.join(file, 'node_modules', client.package, 'package.json'))).version;
  }
  const [command, ...args] = client.command;
  const child = start(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.on('data', (part) => (text += part));
  await child.ended;
  return /\d+(\.\d+)+/.exec(text)?.[0] ?? 'unknown';
}

const cell_text = { pass: 'pass', fail: '**fail**', 'not offered': 'not offered' };
const one_line = (text) => String(text).replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').slice(0, 400);

async function page(rows) {
  const out = [
    '# Clients that others wrote, against `hubproof serve`', '',
    `\`tools/peers${options.core ? ' --core' : ''}\`: the packages as they are published, on Node ${process.versions.node}; each client and transport met a`,
    'hub of its own, over TLS on loopback. A cell asserts contents: bodies, properties, ids, order, counts, statuses. Nothing is tried twice.', '',
  ];
  const count = (result) => rows.filter((each) => each.result === result).length;
  for (const client of chosen) {
    const mine = rows.filter((each) => each.client === client.name);
    if (mine.length === 0) continue;
    out.push(`## ${client.name} ${await version_of(client)}`, '');
    const transports = client.transports.filter((each) => mine.some((one) => one.transport === each));
    out.push(`| operation | ${transports.join(' | ')} |`, `|---|${transports.map(() => '---').join('|')}|`);
    const operations = [...new Set(mine.map((each) => each.operation))];
    const notes = [];
    for (const operation of operations) {
      const cells = transports.map((transport) => {
        const one = mine.find((each) => each.transport === transport && each.operation === operation);
        if (one?.result === 'not offered') {
          let note = notes.indexOf(one.reason);
          if (note < 0) note = notes.push(one.reason) - 1;
          return `${cell_text[one.result]} (${note + 1})`;
        }
        return one ? cell_text[one.result] : '';
      });
      out.push(`| ${operation} | ${cells.join(' | ')} |`);
    }
    out.push('');
    notes.forEach((note, number) => out.push(`${number + 1}. ${note}`));
    if (notes.length > 0) out.push('');
    const failed = mine.filter((each) => each.result === 'fail');
    for (const each of failed) out.push(`- **${each.operation}** over ${each.transport}: ${one_line(each.reason)}`);
    if (failed.length > 0) out.push('');
  }
  out.push(`${count('pass')} pass, ${count('fail')} fail, ${count('not offered')} not offered; ${Math.round((Date.now() - begun) / 1000)} s.`);
  return out.join('\n');
}

// ---- All of it.

const chosen = clients.filter((each) => !options.client || each.name.includes(options.client));
const pairs = chosen.flatMap((client) => client.transports.filter((each) => !options.transport || each === options.transport).map((transport) => [client, transport]));

async function main() {
  if (pairs.length === 0) {
    console.error(`peers: expected a client out of: ${clients.map((each) => each.name).join(', ')}`);
    return 64;
  }
  const results = new Array(pairs.length);
  let next = 0;
  const worker = async () => {
    for (let mine; (mine = next++) < pairs.length; ) results[mine] = await meet(...pairs[mine]);
  };
  await Promise.all([...Array(Number(options.jobs))].map(worker));
  const rows = results.flat();
  console.log(await page(rows));
  return rows.some((each) => each.result === 'fail') || rows.length === 0 ? 1 : 0;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(`peers: ${error.stack}`);
    process.exit(70);
  },
);
