#!/usr/bin/env node
// The vendor's device SDK for Node over MQTT, within WebSockets too, as a device under test; conformance/devices.md is the contract. It speaks TLS
// only (conform --device --tls DIR), and keeps its session always.
'use strict';

const { Client, Message } = require('azure-iot-device');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { run, say } = require('./adapter');

let client = null;
let leaving = false;

// A refusal has CONNACK's code in the MQTT client's error, of which the SDK's own keeps the text.
const codes = { 'Unacceptable protocol version': 1, 'Identifier rejected': 2, 'Server unavailable': 3, 'Bad username or password': 4, 'Not authorized': 5 };

function not_connected(error) {
  const text = error && error.message ? error.message : String(error);
  const named = /Connection refused: (.*)$/.exec(text);
  if (named && codes[named[1]]) say('refused', { code: codes[named[1]] });
  else say('failed', { why: text });
}

// The SDK's WebSockets are at port 443, which a test has not: the port of the order, all else as it is.
class MqttWsAtPort extends MqttWs {
  _getBaseTransportConfig(credentials) {
    const config = super._getBaseTransportConfig(credentials);
    config.uri = config.uri.replace(/(:\d+):443\//, '$1/');
    return config;
  }
}

// Of its usual hour the SDK leaves 15 minutes for the renewal, which may take it 30 s.
const margin = (life) => Math.max(Math.ceil(life / 4), Math.min(life - 5, 45));

async function connect(order) {
  leaving = false;
  if (!order.ca) throw new Error('it speaks TLS only: hubproof conform --device --tls DIR');
  // The port is the gateway's, as a hub's own name has none.
  const mine = Client.fromConnectionString(
    `HostName=${order.host};DeviceId=${order.client_id};SharedAccessKey=${order.key};GatewayHostName=${order.host}:${order.port}`,
    order.websocket ? MqttWsAtPort : Mqtt);
  client = mine;
  const options = { ca: order.ca, keepalive: order.keep_alive };
  if (order.token_life) {
    options.tokenRenewal = { tokenValidTimeInSeconds: order.token_life, tokenRenewalMarginInSeconds: margin(order.token_life) };
  }
  await mine.setOptions(options);
  mine.on('connect', () => say('connected'));
  mine.on('error', (error) => process.stderr.write(`${error.stack}\n`));
  // The SDK comes back by itself, but for some errors, which it tells of here; the application is to open it again then, as
  // those of the vendor's samples do.
  mine.on('disconnect', (ended) => {
    if (leaving) return;
    say('lost', { why: String(ended && ended.transportObj ? ended.transportObj : '') });
    setTimeout(() => { if (client === mine && !leaving) mine.open((error) => { if (error) not_connected(error); }); }, 1000);
  });
  try {
    await mine.open();
  } catch (error) {
    return not_connected(error);
  }
  // The topic is not shown to the application.
  mine.on('message', (message) => {
    say('received', { topic: '', payload: Buffer.from(message.getData()).toString('hex'), qos: 1 });
    mine.complete(message, () => {});
  });
  return undefined;
}

const orders = {
  connect(order) {
    const before = client;
    if (before) before.removeAllListeners();
    connect(order).catch((error) => say('failed', { why: error.message }));
  },
  send(order) {
    const message = new Message(Buffer.from(order.payload, 'hex'));
    message.messageId = order.message_id;
    for (const [name, value] of Object.entries(order.properties)) message.properties.add(name, value);
    client.sendEvent(message, (error) => (error ? say('failed', { id: order.id, why: error.message }) : say('published', { id: order.id })));
  },
  disconnect() {
    leaving = true;
    client.close(() => say('disconnected'));
  },
};
for (const other of ['publish', 'subscribe', 'unsubscribe']) {
  orders[other] = () => { throw new Error('a hub\'s device has its own topics'); };
}

say('hello', {
  name: 'azure-iot-device', version: require('azure-iot-device/package.json').version, kind: 'hub', qos: [1], persistent_session: true,
  clean_session: false, reconnects: true, queues: true, renews: true, websocket: true,
});
run(orders);
