// The little languages of what a container sees of the network: names of other hosts, name servers,
// further names of a service, its own host name.

import { isIP } from "node:net";
import { form } from "./score-values.ts";

export interface ExtraHost {
  readonly name: string;
  /** An address, or `host-gateway`, which Podman replaces by the device's own. */
  readonly address: string;
}

const HOST_NAME = /^(?=.{1,253}$)[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?)*$/;
/** Linux keeps no longer one. */
const OWN_NAME_CHARACTERS = 64;

export const ExtraHost = form<ExtraHost>('expected "name:address", e.g. "plc:192.168.1.7" or "device:host-gateway"', (text) => {
  const [, name = "", written = ""] = /^([^:=]+)[:=](.+)$/.exec(text) ?? [];
  const address = written.replace(/^\[(.*)\]$/, "$1");
  return HOST_NAME.test(name) && (address === "host-gateway" || isIP(address) !== 0) ? { name, address } : null;
});

export const NameServer = form<string>('expected the address of a name server, e.g. "192.168.1.1"', (text) =>
  isIP(text) === 0 ? null : text,
);

export const HostName = form<string>('expected a host name, e.g. "reader" or "reader.plant"', (text) =>
  text.length <= OWN_NAME_CHARACTERS && HOST_NAME.test(text) ? text : null,
);

export const Alias = form<string>('expected a name by which other services find this one, e.g. "database"', (text) =>
  HOST_NAME.test(text) ? text : null,
);
