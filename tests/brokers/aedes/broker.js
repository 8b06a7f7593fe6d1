// Aedes with one user, on two ports: node broker.js PORT WEBSOCKET_PORT
const net = require('node:net')
const http = require('node:http')
const { Aedes } = require('aedes')
const { WebSocketServer, createWebSocketStream } = require('ws')

async function main () {
  const aedes = await Aedes.createBroker({
    authenticate (client, user, password, done) {
      if (user === 'user01' && String(password) === 'user01-pass') return done(null, true)
      const refused = new Error('refused')
      refused.returnCode = 4
      done(refused, null)
    }
  })
  net.createServer(aedes.handle).listen(Number(process.argv[2]), '127.0.0.1', () => {
    const web = http.createServer()
    new WebSocketServer({ server: web }).on('connection', (socket, request) => {
      aedes.handle(createWebSocketStream(socket), request)
    })
    web.listen(Number(process.argv[3]), '127.0.0.1', () => console.log('ready'))
  })
}
main()
