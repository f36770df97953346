// What the adapters of the vendor's device SDK for Node share, whatever it speaks; conformance/devices.md is the contract. The SDK
// speaks TLS only (conform --device --tls DIR).
'use strict';

const { Client, Message } = require('azure-iot-device');
const { run, say } = require('./adapter');

// Of its usual hour the SDK leaves 15 minutes for the renewal, which may take it 30 s.
const margin = (life) => Math.max(Math.ceil(life / 4), Math.min(life - 5, 45));

// A device with its own transport(order), connectionString(order), options(order), notConnected(error) and received(message),
// which gives the keys of a line. `listensAnew`: what is opened again has to be told anew that somebody waits for commands.
function device(sdk) {
  let client = null;
  let leaving = false;

  async function connect(order) {
    leaving = false;
    if (!order.ca) throw new Error('it speaks TLS only: hubproof conform --device --tls DIR');
    const mine = Client.fromConnectionString(sdk.connectionString(order), sdk.transport(order));
    client = mine;
    const options = { ca: order.ca, ...sdk.options(order) };
    if (order.token_life) {
      options.tokenRenewal = { tokenValidTimeInSeconds: order.token_life, tokenRenewalMarginInSeconds: margin(order.token_life) };
    }
    await mine.setOptions(options);
    const settle = order.settle || 'complete';
    const listen = () => mine.on('message', (message) => {
      say('received', { topic: '', payload: Buffer.from(message.getData()).toString('hex'), qos: 1, ...sdk.received(message) });
      mine[settle](message, () => {});
    });
    mine.on('connect', () => say('connected'));
    mine.on('error', (error) => process.stderr.write(`${error.stack}\n`));
    // The SDK comes back by itself, but for some errors, which it tells of here; the application is to open it again then, as
    // those of the vendor's samples do.
    mine.on('disconnect', (ended) => {
      if (leaving) return;
      say('lost', { why: String(ended && ended.transportObj ? ended.transportObj : '') });
      if (sdk.listensAnew) mine.removeAllListeners('message');
      setTimeout(() => {
        if (client !== mine || leaving) return;
        mine.open((error) => {
          if (error) sdk.notConnected(error);
          else if (sdk.listensAnew) listen();
        });
      }, 1000);
    });
    try {
      await mine.open();
    } catch (error) {
      return sdk.notConnected(error);
    }
    listen();
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
    name: 'azure-iot-device', version: require('azure-iot-device/package.json').version, kind: 'hub', reconnects: true, queues: true, renews: true, ...sdk.hello,
  });
  run(orders);
}

// The port is the gateway's, as a hub's own name has none.
const byGateway = (order) => `HostName=${order.host};DeviceId=${order.client_id};SharedAccessKey=${order.key};GatewayHostName=${order.host}:${order.port}`;

// Id and properties of a command, as the application sees them.
function propertiesOf(message) {
  const properties = {};
  for (let i = 0; i < message.properties.count(); i += 1) {
    const { key, value } = message.properties.getItem(i);
    properties[key] = value;
  }
  return { message_id: message.messageId, properties };
}

module.exports = { byGateway, device, propertiesOf };
