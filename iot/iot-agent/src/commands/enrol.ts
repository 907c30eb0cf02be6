// `iot-agent enrol`: gives this device an identity by a code that `iot device add` printed. The key
// is made and asked for as the agent's user; only when the service has approved does root change
// the configuration, so that a wrong code changes nothing.

import { constants } from "node:fs";
import { copyFile, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createLog, errorText, systemClock, UserError } from "@harmony/runtime";
import type { EnrolmentAnswer, Given, Signer } from "@iot/identity/device";
import { type ConfigRead, parseConfig } from "../config/config.ts";
import { withEnrolment } from "../config/with-enrolment.ts";
import { hardware } from "../device/topology.ts";
import { usableSigner } from "../identity/enrol.ts";
import { EnrolmentService } from "../identity/enrolment-service.ts";
import { type Identity, IdentityStore } from "../identity/identity-store.ts";
import { EXIT } from "./agent/exit-codes.ts";
import { type Command, parseCommandLine, type Surroundings } from "./command.ts";
import { asAgentUser } from "./machine/as-agent-user.ts";
import { AGENT_USER } from "./machine/accounts.ts";
import { runProgram } from "./machine/run-program.ts";

const ACCOUNT_LOOKS = 60;

export const enrol: Command = {
  usage: "enrol URL [CODE]",
  summary: "give this device an identity, by a code of `iot device add`",
  details: `
URL is the enrolment service's, such as https://enrol.example. Without CODE it is asked for. What the configuration says of shared
credentials and of NATS goes, since both come with the identity; the former one is kept as config.toml.old.

  --ca FILE   PEM of who signs the service's certificate, when that is not a public authority
`,
  beginsAsRoot: true,
  async run(args, at) {
    const { values, positionals } = parseCommandLine(args, {
      usage: this.usage,
      options: { ca: { type: "string" } },
      positionals: [1, 2],
    });
    const [url = "", typed] = positionals;
    await refuseFolderOfAnother(dirname(at.configFile));
    const ca = values.ca === undefined ? null : await readAuthority(values.ca);
    const caFile = ca === null ? undefined : join(dirname(at.configFile), "enrolment-ca.pem");
    const before = await configuration(at.configFile);
    const after = withEnrolment(before, { url: url.replace(/\/$/, ""), caFile });
    const read = parseConfig(after, { file: at.configFile, env: at.env });
    const code = (typed ?? (await at.ask?.("Code, as `iot device add` printed it: ")) ?? "").trim().toUpperCase();
    if (code === "") throw new UserError(`a code is missing; usage: iot-agent ${this.usage}`, EXIT.usage);
    if (ca !== null && caFile !== undefined) await writeAsRoot(caFile, ca);
    const identity = await asAgentUser(() => enrolled(read, { code, caFile, at }));
    at.write(`this device is "${identity.device}" now, enrolled at ${identity.issuer}\n`);
    if (before !== after) {
      if (before !== "") await copyFile(at.configFile, `${at.configFile}.old`);
      await writeAsRoot(at.configFile, after);
    }
    const isRestarted = process.getuid?.() === 0 && (await runProgram(["systemctl", "restart", "iot-agent"])).exitCode === 0;
    at.write(isRestarted ? "the agent connects with it: iot-agent status\n" : "start the agent anew: it connects with it\n");
    return 0;
  },
};

interface Asking {
  readonly code: string;
  readonly caFile: string | undefined;
  readonly at: Surroundings;
}

async function enrolled({ config }: ConfigRead, { code, caFile, at }: Asking): Promise<Identity> {
  if (config.credentials.type !== "enrolment") throw new Error("the configuration has no section [enrolment]");
  const store = new IdentityStore(config.stateDir);
  const log = createLog({ name: "enrol", write: at.warn });
  const service = new EnrolmentService({ url: config.credentials.url, caFile }, at.signal);
  const signer = await usableSigner(store, log);
  const given = await withAccount(await service.enrol(signer, { code, hardware: await hardware() }), {
    service,
    signer,
    signal: at.signal,
  });
  if (!given.ok) throw new UserError(`${given.why}; the configuration is as it was`, EXIT.failed);
  if (given.value.state !== "approved") {
    const what = given.value.state === "denied" ? "was denied" : "waits for its account, and the same command goes on";
    throw new UserError(
      `the request of this device ${what}, and its code is ${given.value.code}; the configuration is as it was`,
      EXIT.failed,
    );
  }
  await store.saveIdentity(given.value);
  return given.value;
}

interface Looking {
  readonly service: EnrolmentService;
  readonly signer: Signer;
  readonly signal: AbortSignal;
}

/** With a code nobody has to approve: what is waited for is an account at Zitadel. */
async function withAccount(first: Given<EnrolmentAnswer>, { service, signer, signal }: Looking): Promise<Given<EnrolmentAnswer>> {
  let given = first;
  for (let looks = 0; looks < ACCOUNT_LOOKS && given.ok && given.value.state === "pending"; looks += 1) {
    await systemClock.sleep(given.value.retryAfterS * 1_000, signal);
    given = await service.look(signer, given.value.code);
  }
  return given;
}

/** Root opens nothing by its name where another user may have put a link (docs/adr/0024). */
async function refuseFolderOfAnother(folder: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, mode } = await stat(folder).catch((cause: unknown) => {
    throw new UserError(`${folder}: ${errorText(cause)}; install the agent first`, EXIT.failed, { cause });
  });
  if (uid === 0 && (mode & 0o022) === 0) return;
  throw new UserError(
    `${folder} can be written by others than root: install the agent's package again, which takes the folder over`,
    EXIT.failed,
  );
}

async function configuration(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw new UserError(`${file}: cannot read the configuration: ${errorText(error)}; try: sudo iot-agent enrol`, EXIT.notPermitted, {
      cause: error,
    });
  }
}

async function readAuthority(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new UserError(`--ca ${file}: cannot read it: ${errorText(cause)}`, EXIT.usage, { cause });
  });
  if (!text.includes("-----BEGIN CERTIFICATE-----")) throw new UserError(`--ca ${file}: expected a certificate in PEM`, EXIT.usage);
  return text;
}

/** Whole or not at all, root's, and readable by the group of the agent. */
async function writeAsRoot(file: string, text: string): Promise<void> {
  const fresh = `${file}.new`;
  try {
    await rm(fresh, { force: true });
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const handle = await open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o640);
    try {
      await handle.writeFile(text);
      const gid = await groupOfAgent();
      if (gid !== null && process.getuid?.() === 0) await handle.chown(0, gid);
      await handle.chmod(0o640);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, file);
  } catch (cause) {
    throw new UserError(`${file}: cannot write it: ${errorText(cause)}; try: sudo iot-agent enrol`, EXIT.notPermitted, { cause });
  }
}

async function groupOfAgent(): Promise<number | null> {
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  const gid = groups
    .split("\n")
    .find((line) => line.startsWith(`${AGENT_USER}:`))
    ?.split(":")[2];
  return gid === undefined ? null : Number(gid);
}
