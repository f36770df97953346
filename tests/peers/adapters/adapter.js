// Lines of JSON between `hubproof conform --device` and a client in JavaScript; conformance/devices.md is the contract.
'use strict';

const readline = require('readline');

function say(did, more = {}) {
  process.stdout.write(`${JSON.stringify({ did, ...more })}\n`);
}

// Calls orders.connect(order) and so on, until it is told to quit.
function run(orders) {
  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const order = JSON.parse(line);
    if (order.do === 'quit') process.exit(0);
    if (order.do === 'echo') return say('echo', { id: order.id });
    try {
      orders[order.do](order);
    } catch (error) {
      say('failed', { id: order.id || 0, why: error.message });
    }
    return undefined;
  }).on('close', () => process.exit(0));
}

process.on('uncaughtException', (error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});

module.exports = { run, say };
