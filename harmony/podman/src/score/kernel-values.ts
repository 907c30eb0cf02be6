// The little languages of what a service sets of the kernel for itself: sysctls of its own
// namespaces, limits of a process, groups. What no rootless container can have is refused here, so
// that a person learns it before anything is pushed.

import * as z from "zod/mini";
import { REAL_TIME } from "./host-values.ts";
import { type Limits, limitOf } from "./limits.ts";
import { form, unfitText } from "./score-values.ts";

/** Linux keeps these for each network or IPC namespace; a container has its own of both. */
const OF_CONTAINER = /^(net\.|kernel\.(msg|shm)|kernel\.sem$|fs\.mqueue\.)/;

export const OF_NETWORK = /^net\./;

const SysctlValue = z.pipe(
  z.union([z.string(), z.int()], { error: 'expected a value in quotes, e.g. "1024"' }),
  z.transform((value: string | number, context): string => {
    const message = unfitText(String(value), limitOf("nameCharacters"));
    if (message === null) return String(value);
    context.issues.push({ code: "custom", message, input: value });
    return z.NEVER;
  }),
);

const SYSCTL = /^[a-z0-9_]+(?:[./][a-zA-Z0-9_-]+)+$/;

export function sysctls(limits: Limits) {
  return z.record(z.string(), SysctlValue).check(
    z.check(({ value, issues }) => {
      const names = Object.keys(value);
      const refuse = (message: string, name?: string): void => {
        issues.push({ code: "custom", message, path: name === undefined ? [] : [name], input: name });
      };
      if (names.length > limits("sysctls")) refuse(`has ${names.length} entries: at most ${limits("sysctls")}`);
      for (const name of names) {
        if (!SYSCTL.test(name)) refuse('expected the name of a sysctl, e.g. "net.core.somaxconn"', name);
        else if (!OF_CONTAINER.test(name.replaceAll("/", ".")))
          refuse("is the whole device's, which rootless Podman cannot set: put it into /etc/sysctl.d on the device", name);
      }
    }),
  );
}

export interface Ulimit {
  readonly soft: number;
  readonly hard: number;
}

const HARDER = "rootless Podman cannot lift a limit above that of the device's user";
const ULIMITS = ["core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nofile", "nproc", "rss", "sigpending", "stack"] as const;
const REFUSED: Readonly<Record<string, string>> = {
  rtprio: `is refused: ${REAL_TIME}`,
  rttime: `is refused: ${REAL_TIME}`,
  nice: "is refused: rootless Podman cannot give a container a higher priority",
  as: "is not a limit that PodmanV0 takes: use resources.memory",
};

const Bound = z.union([z.int(), z.literal("unlimited")], { error: "expected a number, e.g. 65536" });

const UlimitValue = z.pipe(
  z.union([Bound, z.strictObject({ soft: Bound, hard: Bound })], { error: "expected a number, or {soft: NUMBER, hard: NUMBER}" }),
  z.transform((value, context): Ulimit => {
    const { soft, hard } = typeof value === "object" ? value : { soft: value, hard: value };
    if (typeof soft === "number" && typeof hard === "number" && soft >= 0 && soft <= hard) return { soft, hard };
    const message =
      Number(soft) > Number(hard) ? `its soft limit ${soft} is above its hard limit ${hard}` : `expected a number, since ${HARDER}`;
    context.issues.push({ code: "custom", message, input: value });
    return z.NEVER;
  }),
);

export const Ulimits = z.record(z.string(), UlimitValue).check(
  z.check(({ value, issues }) => {
    for (const name of Object.keys(value)) {
      if (ULIMITS.some((known) => known === name)) continue;
      issues.push({ code: "custom", message: REFUSED[name] ?? `expected one of ${ULIMITS.join(", ")}`, path: [name], input: name });
    }
  }),
);

export const Group = form<string>('expected the name or number of a group, e.g. "dialout" or "20"', (text) =>
  /^(?:[a-z_][a-z0-9_-]{0,31}|\d{1,7})$/.test(text) ? text : null,
);
