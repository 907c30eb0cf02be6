// The sentences on what keeps this device from following: each says what is so, what goes on
// meanwhile, and what to do. A test holds that each reason has one (sentences.test.ts). Pure.

/** The file with the device's id, unless the agent was started with another. */
const CONFIG_FILE = "/etc/iot-agent/config.toml";

export function noManifest(device: string): string {
  return `no operator has written a manifest for device "${device}"; what runs stays: check that an operator runs, and that device_id in ${CONFIG_FILE} is spelled as in targetDevices`;
}

export function staleManifest(of: { readonly read: number; readonly inForce: number | undefined; readonly takenInMs: number }): string {
  const { read, inForce, takenInMs } = of;
  return `the manifest read (revision ${read}) is older than the one in force (${inForce}); it is taken if it still stands in ${Math.ceil(takenInMs / 1_000)} s; see \`iot status\` in the central part if NATS was set back`;
}

export function stateNotSaved(why: string, folder: string): string {
  return `the desired state cannot be kept on disk (${why}): after a power cut the device would start from an older one; free some space, or correct the rights of ${folder}`;
}

/** `found` null: there is none. */
export function scoreNotAtRevision(found: number | null, wanted: number): string {
  const stands = found === null ? "is not in the bucket" : `stands in the bucket at revision ${found}`;
  return `the Score ${stands}, the manifest names ${wanted}: reading again until they agree; see whether an operator runs if it stays so`;
}

export function wasRemovedBefore(name: string, at: string): string {
  return `was removed on ${at.slice(0, 16).replace("T", " ")} UTC; the store may be an older copy: change the deployment, or confirm it with \`iot-agent retry ${name}\``;
}

export function notSeen(why: string): string {
  return `cannot see what runs on this device, nothing is changed: ${why}; see \`iot-agent doctor\``;
}

export function faultOf(why: string): string {
  return `${why}; nothing is changed, and it is tried again; see \`iot-agent doctor\``;
}

/** `was`: the id that the device had when it was given this; undefined: it has had this one. */
export function whyItStays({ name, was }: { readonly name: string; readonly was: string | undefined }): string {
  const clean = `\`iot-agent clean ${name}\` removes it`;
  return was === undefined
    ? `no manifest names it any more, and none says that it was deleted: it stays; ${clean}`
    : `it was ${was}'s, as this device was called before: it stays until a manifest names it; ${clean}`;
}

/** `others`, `own`: boots, as they are shown. */
export function deviceIdInUse({ device, others, own }: { readonly device: string; readonly others: string; readonly own: string }): string {
  return `another device reports as "${device}" too (boot ${others}; this one is of boot ${own}), as a copied card makes them: give one of them an id of its own (agent.device_id in ${CONFIG_FILE})`;
}

export function unreadableScore(why: string): string {
  return `${why}; correct the deployment and push`;
}

export function unknownScoreType(type: string, known: string): string {
  return `this agent does not know the Score type "${type}" (it knows ${known}): correct the type in the deployment, or update the agent`;
}

export function statusTooLarge(foundKiB: number, limitKiB: number): string {
  return (
    `what it has to say takes ${foundKiB} KiB, more than the ${limitKiB} KiB that fit, so words and services are left out: ` +
    "see `iot-agent status` on the device, which has them all"
  );
}
