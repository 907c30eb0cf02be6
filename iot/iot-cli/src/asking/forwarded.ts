// One connection to a port of a device: bytes both ways between a stream of this machine and a
// session. What one end does not take, the other does not read.

import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { DeviceId } from "@iot/contracts";
import type { DeviceAsker, SessionEnd } from "@iot/messaging";
import { asUserError, lastWord } from "./as-person.ts";

/** Resolves when both ends have said all. @throws UserError when the device does not give it. */
export async function forwardConnection(
  asker: DeviceAsker,
  { device, port, stream }: { readonly device: DeviceId; readonly port: number; readonly stream: Duplex },
  signal: AbortSignal,
): Promise<void> {
  const session = await asker.ask({ device, verb: "forward", fields: { port } }, signal).catch((error: unknown) => {
    throw asUserError(error, device);
  });
  const leave = (): void => session.close();
  signal.addEventListener("abort", leave, { once: true });
  // Whoever is gone takes the session with him.
  stream.once("close", leave);
  try {
    void send(session, stream).catch(leave);
    for await (const { channel, data } of session.incoming())
      if (channel === "stdout" && !stream.write(data)) await Promise.race([once(stream, "drain"), once(stream, "close")]);
    const ended = await session.ended;
    // Whoever closes first has what he wanted. ssh ends this program when the stream ends, so a
    // refusal is said before that.
    if (ended.kind !== "left") lastWord(ended, device);
    stream.end();
  } finally {
    signal.removeEventListener("abort", leave);
    stream.off("close", leave);
  }
}

async function send(session: SessionEnd, stream: Duplex): Promise<void> {
  // What the device said last may still be on its way out when the session takes no more.
  for await (const part of stream.iterator({ destroyOnReturn: false })) if (part instanceof Uint8Array) await session.write("stdin", part);
  session.endOfInput();
}
