// The files of a host that are wholly ours: rendered from the Score, compared byte by byte, and
// written whole. A person puts other settings into a file of a later name, or into the Score.

import type { LinuxHostV0 } from "../score/linux-host-v0-schema.ts";
import { type HostApplication, writtenBy } from "./application.ts";

export interface ManagedFile {
  readonly path: string;
  readonly text: string;
  /** The purpose, after "so that". */
  readonly purpose: string;
  readonly effect: FileEffect;
}

/** The effect that makes a file count. */
export type FileEffect = "none" | "sysctl" | "journald";

export function managedFiles(
  application: Pick<HostApplication, "program" | "command">,
  { containersConf, unprivilegedPortStart, journal }: LinuxHostV0,
): readonly ManagedFile[] {
  const { program } = application;
  const text = (comment: string, ...rest: readonly string[]): string => [writtenBy(application), `# ${comment}`, ...rest, ""].join("\n");
  return [
    {
      path: `/etc/containers/containers.conf.d/50-${program}.conf`,
      text: text(
        "Rootless containers start while the cable of a static address is out.",
        "[network]",
        `pasta_options = [${containersConf.pastaOptions.map((option) => JSON.stringify(option)).join(", ")}]`,
      ),
      purpose: "rootless containers start also without a network cable",
      effect: "none",
    },
    {
      path: `/etc/sysctl.d/60-${program}.conf`,
      text: text(
        "Containers of an ordinary user may publish the usual ports.",
        `net.ipv4.ip_unprivileged_port_start = ${unprivilegedPortStart}`,
      ),
      purpose: `containers may publish ports from ${unprivilegedPortStart} on`,
      effect: "sysctl",
    },
    {
      path: `/etc/systemd/journald.conf.d/60-${program}.conf`,
      text: text(
        "What happened before a power cut can be read after it, and never fills the card.",
        "[Journal]",
        `Storage=${journal.persistent ? "persistent" : "volatile"}`,
        `${journal.persistent ? "SystemMaxUse" : "RuntimeMaxUse"}=${journal.maxUse}`,
      ),
      purpose: `the journal ${journal.persistent ? "outlives a restart" : "stays in memory"} and takes at most ${journal.maxUse}`,
      effect: "journald",
    },
  ];
}
