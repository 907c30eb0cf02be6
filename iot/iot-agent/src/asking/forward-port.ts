// A port of the device for a person: one session is one connection to 127.0.0.1, bytes both ways.
// What one end does not take, the other does not read.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Unable } from "@harmony/core";
import { parseJson } from "@harmony/schema";
import { ForwardRequest, type SessionStatus } from "@iot/contracts";
import { type Answering, read } from "./answering.ts";

export async function forwardPort({ options, session, data }: Answering, signal: AbortSignal): Promise<SessionStatus> {
  const { port } = read(parseJson(ForwardRequest, data));
  const { remote, configFile, device } = options;
  if (!remote.forward.includes(port))
    throw new Unable("PortClosed", `${configFile} of the device does not open port ${port}: [remote] forward = [${port}] would`);
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true, signal });
  try {
    await once(socket, "connect", { signal });
  } catch (cause) {
    signal.throwIfAborted();
    socket.destroy();
    throw new Unable("PortClosed", `nothing on ${device} takes a connection to port ${port}`, { cause });
  }
  try {
    // It ends with the session, or with the socket.
    void forwardInput(session, socket).catch(() => socket.destroy());
    for await (const part of socket) if (part instanceof Uint8Array) await session.write("stdout", part);
    // Whoever serves the port has said all.
    return { exitCode: 0 };
  } finally {
    socket.destroy();
  }
}

async function forwardInput(session: Answering["session"], socket: Socket): Promise<void> {
  for await (const { channel, data } of session.incoming()) {
    if (channel === "close") socket.end();
    else if (channel === "stdin" && !socket.write(data)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
  }
}
