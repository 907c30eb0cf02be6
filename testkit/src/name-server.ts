// A name server for a simulated device: dnsmasq, which knows the names it is given, answers that
// there is no other name, and asks nobody. Its device's resolv.conf names the host's end of the
// network, so that is where it listens.

import { Resolver } from "node:dns/promises";
import { findProgram } from "./program.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

export interface NameServer {
  /** Nobody answers any more, until `start`. */
  down(): Promise<void>;
  /** With other names, if they are given. */
  start(names?: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `names`: each with its IPv4 address, at least one; answered at port 53 of `host`. */
export async function startNameServer(options: {
  readonly host: string;
  readonly names: Readonly<Record<string, string>>;
}): Promise<NameServer> {
  const { host } = options;
  if ((await findProgram("dnsmasq")) === undefined)
    throw new Error("failed to start a name server: this machine has no dnsmasq; the Debian package is listed in build/host-packages.txt");
  let names = options.names;
  let server: ServerProcess | undefined;
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([host]);
  const start: NameServer["start"] = async (changed) => {
    names = changed ?? names;
    const [first = ""] = Object.keys(names);
    server = await startServerProcess({
      name: "dnsmasq",
      argv: [
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--log-facility=-",
        "--user=root",
        `--listen-address=${host}`,
        "--bind-interfaces",
        "--no-resolv",
        "--no-hosts",
        // Of every name it says itself whether there is one.
        "--local=/#/",
        ...Object.entries(names).map(([name, address]) => `--host-record=${name},${address}`),
      ],
      ready: async () => (await resolver.resolve4(first)).length > 0,
    });
  };
  const down = async (): Promise<void> => server?.stop();
  await start();
  return { down, start, stop: down, [Symbol.asyncDispose]: down };
}
