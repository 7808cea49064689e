"""FastAPI with Redis: each message of the channel goes to every socket as it is."""

import asyncio
import json
import os
import socket
from contextlib import asynccontextmanager

import jwt
import redis.asyncio as redis
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect, WebSocketException, status

REDIS_URL = os.environ["REDIS_URL"]
CHANNEL = os.environ["CHANNEL"]
JWT_SECRET = os.environ["JWT_SECRET"]

connections: set[WebSocket] = set()


async def fan_out(pubsub: redis.client.PubSub) -> None:
    async for message in pubsub.listen():
        if message["type"] != "message":
            continue
        text = message["data"]
        for connection in list(connections):
            try:
                await connection.send_text(text)
            except (RuntimeError, WebSocketDisconnect):
                connections.discard(connection)


@asynccontextmanager
async def lifespan(_: FastAPI):
    async with redis.from_url(REDIS_URL, decode_responses=True) as client, client.pubsub() as pubsub:
        await pubsub.subscribe(CHANNEL)
        task = asyncio.create_task(fan_out(pubsub))
        yield
        task.cancel()


app = FastAPI(lifespan=lifespan)


@app.websocket("/ws")
async def channel(connection: WebSocket, token: str) -> None:
    try:
        jwt.decode(token, JWT_SECRET, algorithms=["HS256"], audience="bench")
    except jwt.InvalidTokenError as error:
        raise WebSocketException(code=status.WS_1008_POLICY_VIOLATION) from error
    await connection.accept()
    connections.add(connection)
    try:
        while True:
            await connection.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        connections.discard(connection)


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    host, port = listener.getsockname()
    print(json.dumps({"message": "listening", "addr": f"{host}:{port}"}), flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    server.run(sockets=[listener])


main()
