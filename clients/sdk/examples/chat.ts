// A chat in the terminal: `SWITCHBOARD_URL=http://127.0.0.1:8080 node examples/chat.ts`, then write lines.
import { createInterface } from "node:readline";
import { visitor } from "@switchboard/sdk";

const chat = visitor({ url: process.env.SWITCHBOARD_URL ?? "http://127.0.0.1:8080", site: "default" });

const shown = new Map<string, string>();
chat.subscribe(() => {
  const { connection, conversations, currentId, problem } = chat.snapshot();
  const lines = new Map([["state", `[${problem?.message ?? connection.state}]`]]);
  for (const message of conversations.find(({ id }) => id === currentId)?.messages ?? []) {
    lines.set(message.key, `${message.mine ? `me (${message.tick})` : message.sender.name}: ${message.body}`);
  }
  for (const [key, line] of lines) {
    if (shown.get(key) !== line) console.log(line);
    shown.set(key, line);
  }
  chat.read();
});

chat.start();
const input = createInterface(process.stdin);
input.on("line", (line) => chat.send(line));
process.on("SIGINT", () => {
  chat.destroy();
  input.close();
});
