// aedes as its documentation starts it: in memory, nothing configured. Argument: the port.
import { createServer } from 'node:net'
import { createRequire } from 'node:module'

const { Aedes } = createRequire(process.cwd() + '/')('aedes')
const broker = await Aedes.createBroker()
createServer(broker.handle).listen(Number(process.argv[2]), '127.0.0.1')
