// Socket.IO with its Redis adapter: every socket is in one room, to which another process emits.
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import Redis from 'ioredis';
import jwt from 'jsonwebtoken';
import { Server } from 'socket.io';

const { REDIS_URL, CHANNEL, JWT_SECRET } = process.env;

const pub = new Redis(REDIS_URL);
const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(pub, pub.duplicate(), { key: CHANNEL }),
  transports: ['websocket'],
  serveClient: false,
});

io.use((socket, next) => {
  try {
    jwt.verify(socket.handshake.auth.token, JWT_SECRET, { algorithms: ['HS256'], audience: 'bench' });
    next();
  } catch (error) {
    next(error);
  }
});
io.on('connection', (socket) => socket.join('chat'));

http.listen(0, '127.0.0.1', () => {
  const { address, port } = http.address();
  console.log(JSON.stringify({ message: 'listening', addr: `${address}:${port}` }));
});
