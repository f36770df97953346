#!/usr/bin/env node
// The vendor's device SDK for Node over AMQP as a device under test; conformance/devices.md is the contract.
'use strict';

const { Amqp } = require('azure-iot-device-amqp');
const { say } = require('./adapter');
const { byGateway, device, propertiesOf } = require('./azure_iot');

device({
  hello: { protocol: 'amqp' },
  transport: () => Amqp,
  connectionString: byGateway,
  listensAnew: true,
  options: () => ({}),
  notConnected: (error) => say('failed', { why: error && error.message ? error.message : String(error) }),
  received: propertiesOf,
});
