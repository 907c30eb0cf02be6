// A name server for a simulated device: dnsmasq, which knows the names it is given, answers that no
// other name exists, and asks nobody. It listens on the host's end of the network, which the
// device's resolv.conf names.

import { Resolver } from "node:dns/promises";
import { findProgram } from "./program.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

export interface NameServer {
  /** Nobody answers any more, until `start`. */
  down(): Promise<void>;
  /** Starts it, with other names if they are given. */
  start(names?: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `names`: each name with its IPv4 address, at least one. It answers at port 53 of `host`. */
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
        // It decides itself whether a name exists, for every name.
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
