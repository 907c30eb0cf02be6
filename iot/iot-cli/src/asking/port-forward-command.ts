// `iot port-forward`: ports of a device on this machine, or one on stdin and stdout, as ssh wants
// it of a ProxyCommand.

import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { Duplex } from "node:stream";
import { visibleLines } from "@harmony/core";
import { errorText, UserError } from "@harmony/runtime";
import type { DeviceId } from "@iot/contracts";
import type { DeviceAsker } from "@iot/messaging";
import { defineCommand, type Surroundings } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { deviceOf, PEOPLE_DETAILS, withAsker } from "./as-person.ts";
import { forwardConnection } from "./forwarded.ts";

const OPTIONS = {
  stdio: { type: "boolean", about: "one port on stdin and stdout, for the ProxyCommand of ssh" },
  ...NATS_OPTION,
} as const;

export const portForward = defineCommand({
  options: OPTIONS,
  operands: [2, 17],
  details: `Listens on 127.0.0.1 until ^C; each connection is one session, of which a device takes 16. The device permits ports by forward = [22] under [remote] in its config.toml. ${PEOPLE_DETAILS}`,
  async run({ stdio = false, nats }, [text = "", ...ports], at) {
    const device = deviceOf(text);
    const pairs = ports.map(pairOf);
    const [first, more] = pairs;
    if (stdio && (more !== undefined || first === undefined)) throw new UserError("--stdio takes one port", EXIT.usage);
    return withAsker(nats, at, async (asker) => {
      if (stdio && first !== undefined) return onStdio(asker, { device, port: first.remote }, at);
      const servers = await Promise.all(pairs.map((pair) => listen(asker, { device, ...pair }, at)));
      await once(at.signal, "abort").catch(() => undefined);
      for (const server of servers) server.close();
      return EXIT.interrupted;
    });
  },
});

/** A refusal is said before the stream ends, since ssh ends this program with it. */
async function onStdio(asker: DeviceAsker, to: { readonly device: DeviceId; readonly port: number }, at: Surroundings): Promise<number> {
  const stream = Duplex.from({ readable: process.stdin, writable: process.stdout });
  // It says so when stdin is ended below.
  stream.on("error", () => undefined);
  try {
    await forwardConnection(asker, { ...to, stream }, at.signal);
    return 0;
  } catch (error) {
    at.signal.throwIfAborted();
    at.warn(visibleLines(`iot: ${errorText(error)}\n`));
    return error instanceof UserError ? error.exitCode : EXIT.failed;
  } finally {
    // Else the process waits for what ssh would send next.
    process.stdin.destroy();
  }
}

interface Pair {
  readonly local: number;
  readonly remote: number;
}

/** `8080:80`, `80`, `:80` for any free port here. @throws UserError */
function pairOf(text: string): Pair {
  const [, local, remote = ""] = /^(?:(\d{0,5}):)?(\d{1,5})$/.exec(text) ?? [];
  const pair = { local: local === undefined ? Number(remote) : Number(local === "" ? 0 : local), remote: Number(remote) };
  if (pair.remote >= 1 && pair.remote <= 65_535 && pair.local <= 65_535) return pair;
  throw new UserError(`"${text}" is no port: write 8080:80, or 80 for the same here, or :80 for any that is free`, EXIT.usage);
}

async function listen(
  asker: DeviceAsker,
  { device, local, remote }: Pair & { readonly device: DeviceId },
  at: Surroundings,
): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    forwardConnection(asker, { device, port: remote, stream: socket }, at.signal).catch((error: unknown) => {
      socket.destroy();
      if (!at.signal.aborted) at.warn(`iot: ${errorText(error)}\n`);
    });
  });
  server.listen(local, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new UserError(`cannot listen on 127.0.0.1:${local} (${errorText(cause)}): name another port before the colon`, EXIT.failed, {
      cause,
    });
  }
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : local;
  at.write(`127.0.0.1:${port} is port ${remote} of ${device}\n`);
  return server;
}
