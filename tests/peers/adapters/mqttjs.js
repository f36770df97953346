#!/usr/bin/env node
// MQTT.js as a device under test; conformance/devices.md is the contract.
'use strict';

const mqtt = require('mqtt');
const { run, say } = require('./adapter');

let client = null;
let leaving = false;

function text(error) { return error && error.message ? error.message : String(error); }

const orders = {
  connect(order) {
    if (client) client.end(true);
    leaving = false;
    const options = {
      host: order.host, port: order.port, protocol: 'mqtt', protocolVersion: 4, clientId: order.client_id, clean: order.clean,
      keepalive: order.keep_alive, reconnectPeriod: 1000, resubscribe: false, username: order.username, password: order.password,
    };
    if (order.websocket) Object.assign(options, { protocol: 'ws', path: order.websocket });
    if (order.will) options.will = { ...order.will, payload: Buffer.from(order.will.payload, 'hex') };
    client = mqtt.connect(options);
    client.on('connect', (packet) => say('connected', { session_present: packet.sessionPresent }));
    client.on('error', (error) => (error.code >= 1 && error.code <= 5 ? say('refused', { code: error.code }) : say('failed', { why: text(error) })));
    client.on('close', () => { if (!leaving) say('lost'); });
    client.on('message', (topic, payload, packet) => say('received', {
      topic, payload: payload.toString('hex'), qos: packet.qos, retain: packet.retain, dup: packet.dup,
    }));
  },
  publish(order) {
    client.publish(order.topic, Buffer.from(order.payload, 'hex'), { qos: order.qos, retain: order.retain }, (error) => (
      error ? say('failed', { id: order.id, why: text(error) }) : say('published', { id: order.id })));
  },
  subscribe(order) {
    const filters = {};
    for (const each of order.filters) filters[each.filter] = { qos: each.qos };
    client.subscribe(filters, (error, granted) => (
      error ? say('failed', { id: order.id, why: text(error) }) : say('subscribed', { id: order.id, codes: granted.map((each) => each.qos) })));
  },
  unsubscribe(order) {
    client.unsubscribe(order.filters, (error) => (
      error ? say('failed', { id: order.id, why: text(error) }) : say('unsubscribed', { id: order.id })));
  },
  disconnect() {
    leaving = true;
    client.end(false, {}, () => say('disconnected'));
  },
};

say('hello', {
  name: 'MQTT.js', version: require('mqtt/package.json').version, kind: 'mqtt', qos: [0, 1, 2], persistent_session: true, reconnects: true,
  queues: true, will: true, any_text: true, websocket: true,
});
run(orders);
