// Loaded into each Node client before its SDK (node --require): the SDK's files stay as published, and
// what they cannot be told is arranged below them, at the socket.
//   - Ports 443, 5671 and 8883, which SDKs have as constants, lead to the doors of hubproof serve, by a
//     relay in this process that counts connections and can cut them.
//   - Every host name leads to loopback; an address that is not loopback is refused.
//   - What clients wrote into their TLS connections is kept, to count tokens and SUBSCRIBEs.
//   - A timer of 45 minutes, the renewal of tokens that has no option, can be told to hurry.
'use strict';

const net = require('node:net');
const tls = require('node:tls');

const renewal = 45 * 60 * 1000;
const peers = {
  doors: new Map(), // port that a client dials -> Relay
  written: [], // a list of Buffers for each TLS connection, in order
  hurry: 0, // milliseconds in place of 45 minutes, when not 0
};
globalThis.peers = peers;

// Passes bytes between a client and the port of a door.
class Relay {
  constructor(target) {
    this.target = target;
    this.connections = 0;
    this.open = new Set();
  }
  listen() {
    return new Promise((done, failed) => {
      this.server = net.createServer((client) => this.#join(client));
      this.server.once('error', failed);
      this.server.listen(0, '127.0.0.1', () => {
        this.port = this.server.address().port;
        this.server.unref();
        done();
      });
    });
  }
  #join(client) {
    this.connections += 1;
    const door = net.connect({ host: '127.0.0.1', port: this.target });
    const both = [client, door];
    this.open.add(both);
    for (const [one, other] of [[client, door], [door, client]]) {
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        other.destroy();
        this.open.delete(both);
      });
      one.pipe(other);
    }
  }
  // Both ends see their connection reset.
  cut() {
    for (const [client, door] of this.open) {
      client.resetAndDestroy();
      door.resetAndDestroy();
    }
  }
}

// ports: {"443": 40001, ...}, from what clients dial to where serve listens.
peers.start = async (ports) => {
  for (const [dialled, target] of Object.entries(ports)) {
    const relay = new Relay(target);
    await relay.listen();
    peers.doors.set(Number(dialled), relay);
  }
};

const is_loopback = (host) => host === '::1' || host === 'localhost' || /^127\./.test(host);

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  // Node's own callers pass what they have put in order already, an array [options, callback].
  const [given, done] = Array.isArray(args[0]) ? args[0] : net._normalizeArgs(args);
  const { host = 'localhost', port } = given;
  if (given.path || (net.isIP(host) !== 0 && !is_loopback(host)))
    throw new Error(`tests/peers: expected a loopback address, found ${given.path ?? host}`);
  const door = peers.doors.get(Number(port));
  const options = { ...given, host: '127.0.0.1', port: door ? door.port : port, lookup: undefined };
  return connect.call(this, options, done);
};

const write = net.Socket.prototype.write;
const number = Symbol('connection');
net.Socket.prototype.write = function (chunk, encoding, ...rest) {
  if (!(this instanceof tls.TLSSocket)) return write.call(this, chunk, encoding, ...rest);
  if (this[number] === undefined) {
    this[number] = peers.written.length;
    peers.written.push([]);
  }
  if (chunk) peers.written[this[number]].push(Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8'));
  return write.call(this, chunk, encoding, ...rest);
};

const later = globalThis.setTimeout;
globalThis.setTimeout = Object.assign(
  function (f, delay, ...rest) {
    return later(f, delay === renewal && peers.hurry ? peers.hurry : delay, ...rest);
  },
  later, // its promise form
);

// The bytes of one TLS connection; those inside WebSocket frames when it is one.
peers.bytes = (connection) => {
  const all = Buffer.concat(peers.written[connection]);
  const head = all.indexOf('\r\n\r\n');
  if (!all.subarray(0, 4).equals(Buffer.from('GET ')) || !/^upgrade: websocket\r$/im.test(all.subarray(0, head + 2))) return all;
  const payloads = [];
  for (let at = head + 4; at + 6 <= all.length; ) {
    let size = all[at + 1] & 0x7f;
    const data = (all[at] & 0x0f) <= 2; // not ping, pong or close
    at += 2;
    if (size === 126) (size = all.readUInt16BE(at)), (at += 2);
    else if (size === 127) (size = Number(all.readBigUInt64BE(at))), (at += 8);
    const mask = all.subarray(at, at + 4);
    at += 4;
    if (data) payloads.push(Buffer.from(all.subarray(at, at + size).map((byte, i) => byte ^ mask[i % 4])));
    at += size;
  }
  return Buffer.concat(payloads);
};

// How often `text` occurs in what clients wrote since connection number `from`.
peers.count = (text, from = 0) => {
  let found = 0;
  for (let i = from; i < peers.written.length; ++i) found += peers.bytes(i).toString('latin1').split(text).length - 1;
  return found;
};
