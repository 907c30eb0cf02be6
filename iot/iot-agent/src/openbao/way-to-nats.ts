// Where this device finds NATS, as OpenBao says it of this device alone.

import { type Given, NatsServers, type OpenBao } from "@iot/identity/device";

export async function wayToNats(bao: Pick<OpenBao, "read" | "address">, device: string): Promise<Given<NatsServers>> {
  const path = `devices/${device}/nats`;
  const down = (why: string): Given<NatsServers> => ({ ok: false, kind: "down", why });
  const read = await bao.read(path);
  if (read.kind === "unknown") return down(read.why);
  if (read.kind === "absent") return down(`OpenBao at ${bao.address} does not have iot/${path} yet`);
  const servers = NatsServers.safeParse(read.data);
  return servers.success ? { ok: true, value: servers.data } : down(`iot/${path} in OpenBao at ${bao.address} does not say where NATS is`);
}
