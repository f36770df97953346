#!/usr/bin/env node
// The vendor's device SDK for Node over HTTP as a device under test; conformance/devices.md is the contract. It has no connection: it says
// that it is connected when it can be used.
'use strict';

const https = require('node:https');
const { Http } = require('azure-iot-device-http');
const { say } = require('./adapter');
const { device, propertiesOf } = require('./azure_iot');

// The port is 443 to the SDK; its agent can be told another one.
function agentAt(port, ca) {
  const agent = new https.Agent({ keepAlive: true, ca });
  agent.defaultPort = port;
  return agent;
}

device({
  hello: { protocol: 'http' },
  transport: () => Http,
  connectionString: (order) => `HostName=${order.host};DeviceId=${order.client_id};SharedAccessKey=${order.key}`,
  options: (order) => ({ http: { agent: agentAt(order.port, require('node:fs').readFileSync(order.ca)), receivePolicy: { interval: order.poll || 1 } } }),
  notConnected: (error) => say('failed', { why: error && error.message ? error.message : String(error) }),
  received: propertiesOf,
});
