// The steps that make a host what its Score says. Each contains all that its execution needs, and
// says in a sentence what it will do.

import type { AddressChange } from "./address-change.ts";
import type { FileEffect } from "./managed-files.ts";

interface Steps {
  "set-hostname": { readonly hostname: string };
  "install-packages": { readonly packages: readonly string[] };
  "enable-ssh": object;
  "enable-time-sync": { readonly unit: string };
  "create-user": { readonly user: string; readonly fullName: string; readonly groups: readonly string[] };
  "add-to-groups": { readonly user: string; readonly groups: readonly string[] };
  "add-subordinate-ids": { readonly user: string };
  "enable-linger": { readonly user: string };
  /**
   * The step looks up anew who they are; `people` is who they were when it was planned.
   */
  "admit-people": { readonly group: string; readonly people: readonly string[] };
  "make-folder": Owned & { readonly path: string; readonly group: string };
  /**
   * Takes over an existing folder of another owner, with its content. `user` may read it from then
   * on.
   */
  "take-folder": { readonly path: string; readonly mode: string; readonly user: string };
  "write-file": Owned & { readonly path: string; readonly text: string; readonly purpose: string; readonly effect: FileEffect };
  "enable-podman-socket": { readonly user: string };
  "extend-command-line": {
    readonly path: string;
    readonly parameters: readonly string[];
    /** A copy of the former content of `path`. */
    readonly backup: string;
    /** It exists from then on until the restart that the step needs. */
    readonly restartMark: string;
  };
  "set-address": { readonly change: AddressChange };
}

interface Owned {
  readonly mode: string;
  readonly owner: string;
  /**
   * The owner's own process does it: the owner may write in the folder that it is in, so root must
   * not follow a name there.
   */
  readonly byOwner: boolean;
}

export type HostStep = { readonly [Kind in keyof Steps]: { readonly kind: Kind } & Steps[Kind] }[keyof Steps];

/** The step as an order: `install the packages podman, jq`. */
export function describeStep(step: HostStep): string {
  switch (step.kind) {
    case "set-hostname":
      return `set the host name to ${step.hostname}`;
    case "install-packages":
      return `install the packages ${step.packages.join(", ")}`;
    case "enable-ssh":
      return "start sshd at every boot";
    case "enable-time-sync":
      return `keep the time with ${step.unit}`;
    case "create-user":
      return `create the user ${step.user}${step.groups.length === 0 ? "" : ` in the groups ${step.groups.join(", ")}`}`;
    case "add-to-groups":
      return `add ${step.user} to the groups ${step.groups.join(", ")}`;
    case "add-subordinate-ids":
      return `give ${step.user} 65536 subordinate user and group ids, for its containers`;
    case "enable-linger":
      return `let ${step.user}'s services run without a login (linger)`;
    case "admit-people":
      return `let ${step.people.join(", ")} ask the agent, as members of the group ${step.group}`;
    case "make-folder":
      return `make the folder ${step.path} (${step.mode}, ${[...new Set([step.owner, step.group])].join(":")})`;
    case "take-folder":
      return `make the folder ${step.path} root's, with what is in it (${step.mode}, root:${step.user})`;
    case "write-file":
      return `write ${step.path}, so that ${step.purpose}`;
    case "enable-podman-socket":
      return `enable the Podman socket of ${step.user}`;
    case "extend-command-line":
      return `add ${step.parameters.join(" ")} to ${step.path}, for the kernel's memory controller (takes a restart)`;
    case "set-address": {
      const { interface: link, address, gateway, manager } = step.change;
      return `give ${link} the address ${address} with the gateway ${gateway} through ${manager}, undone unless it answers within 60 s`;
    }
  }
}
