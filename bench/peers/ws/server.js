// npm ws behind Redis: each message of the channel goes to every socket as it is.
import { createServer } from 'node:http';
import Redis from 'ioredis';
import jwt from 'jsonwebtoken';
import { WebSocket, WebSocketServer } from 'ws';

const { REDIS_URL, CHANNEL, JWT_SECRET } = process.env;

const http = createServer();
const sockets = new WebSocketServer({ noServer: true });

http.on('upgrade', (request, stream, head) => {
  try {
    const { searchParams } = new URL(request.url, 'http://localhost');
    jwt.verify(searchParams.get('token'), JWT_SECRET, { algorithms: ['HS256'], audience: 'bench' });
  } catch {
    stream.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
    return;
  }
  sockets.handleUpgrade(request, stream, head, (socket) => socket.on('error', () => socket.terminate()));
});

const redis = new Redis(REDIS_URL);
redis.on('message', (_channel, text) => {
  for (const socket of sockets.clients) {
    if (socket.readyState === WebSocket.OPEN) socket.send(text);
  }
});
await redis.subscribe(CHANNEL);

http.listen(0, '127.0.0.1', () => {
  const { address, port } = http.address();
  console.log(JSON.stringify({ message: 'listening', addr: `${address}:${port}` }));
});
