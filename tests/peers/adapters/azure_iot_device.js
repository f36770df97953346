#!/usr/bin/env node
// The vendor's device SDK for Node over MQTT, within WebSockets too, as a device under test; conformance/devices.md is the contract. It keeps
// its session always.
'use strict';

const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { say } = require('./adapter');
const { byGateway, device } = require('./azure_iot');

// A refusal has CONNACK's code in the MQTT client's error, of which the SDK's own keeps the text.
const codes = { 'Unacceptable protocol version': 1, 'Identifier rejected': 2, 'Server unavailable': 3, 'Bad username or password': 4, 'Not authorized': 5 };

function notConnected(error) {
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

device({
  hello: { qos: [1], persistent_session: true, clean_session: false, websocket: true },
  transport: (order) => (order.websocket ? MqttWsAtPort : Mqtt),
  connectionString: byGateway,
  options: (order) => ({ keepalive: order.keep_alive }),
  notConnected,
  received: () => ({}), // the topic is not shown to the application
});
