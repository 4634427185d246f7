#!/usr/bin/env node
// A bot in Node: who says !time, in a room or to it alone, is told the time. It needs nothing but Node.
// Usage: clock.js [BROKER] [options of mqttchat client]
const { spawn } = require("node:child_process");
const { createInterface } = require("node:readline");

const client = spawn(
  "mqttchat",
  ["client", "--json", "--listen", "--no-history", ...process.argv.slice(2)],
  { stdio: ["pipe", "pipe", "inherit"], env: { MQTTCHAT_NICK: "clock", ...process.env } },
);
const send = (order) => client.stdin.write(JSON.stringify(order) + "\n");

createInterface({ input: client.stdout }).on("line", (line) => {
  const event = JSON.parse(line);
  if (!["chat", "private"].includes(event.event) || event.own || event.history) return;
  if (event.message === "!time") {
    const place = event.event === "chat" ? { room: event.room } : { to: event.username };
    send({ ...place, message: `it is ${new Date().toTimeString().slice(0, 8)}` });
  }
});
process.on("SIGTERM", () => client.kill());
client.on("error", (error) => { console.error(`cannot run mqttchat: ${error.message}`); process.exit(1); });
client.on("close", (code) => process.exit(code ?? 1));
