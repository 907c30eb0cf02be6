// The commands of `iot`, in the order of its help. Help, the completion and the manual page are
// made from this table and from the options that each file names.

import type { Command } from "./command-line/command.ts";

export const COMMANDS: readonly Command[] = [
  {
    name: "status",
    operands: "",
    summary: "what is followed and what waits for a person, then each deployment on each device, what is wrong first",
    load: async () => (await import("./fleet/status-command.ts")).status,
  },
  {
    name: "explain",
    operands: "<deployment> [device]",
    summary: "why a deployment is as it is, since when, and what would repair it",
    load: async () => (await import("./fleet/explain-command.ts")).explain,
  },
  {
    name: "ping",
    operands: "<device...>",
    summary: "whether the agent of a device answers, how fast, and what it permits to be asked",
    load: async () => (await import("./asking/ping-command.ts")).ping,
  },
  {
    name: "logs",
    operands: "<deployment>[/<service>] [device]",
    summary:
      "what a deployment wrote on a device, on the only one that has it unless it is named, or with --agent what the agent of the device did",
    load: async () => (await import("./asking/logs-command.ts")).logs,
  },
  {
    name: "exec",
    operands: "<deployment>[/<service>] <device> -- <command...>",
    summary: "runs a command in a container of a deployment on a device, with -it in this terminal",
    load: async () => (await import("./asking/exec-command.ts")).exec,
  },
  {
    name: "doctor",
    operands: "<device>",
    summary: "what the agent of a device finds of all that it stands on",
    load: async () => (await import("./asking/doctor-command.ts")).doctor,
  },
  {
    name: "history",
    operands: "[deployment] [device]",
    summary: "what happened to deployments on devices, also on those that are silent now",
    load: async () => (await import("./asking/history-command.ts")).history,
  },
  {
    name: "trace",
    operands: "<deployment> [device]",
    summary: "where the time went from a push to what runs, step by step, or of all devices as percentiles",
    load: async () => (await import("./asking/trace-command.ts")).trace,
  },
  {
    name: "retry",
    operands: "<deployment> <device>",
    summary: "has a device try again now what failed, or what it waits for",
    load: async () => (await import("./asking/retry-command.ts")).retry,
  },
  {
    name: "switch",
    operands: "<deployment> <device>",
    summary: "does not wait for a container that is at work on a device: a new version or a removal goes on",
    load: async () => (await import("./asking/switch-command.ts")).switchNow,
  },
  {
    name: "hold",
    operands: "<deployment> <device>",
    summary: "stops a deployment on a device for a time, to use what it uses",
    load: async () => (await import("./asking/hold-command.ts")).hold,
  },
  {
    name: "release",
    operands: "<deployment> <device>",
    summary: "ends a hold",
    load: async () => (await import("./asking/release-command.ts")).release,
  },
  {
    name: "confirm",
    operands: "<token>",
    summary: "lets go exactly the removals that iot status shows with this token",
    load: async () => (await import("./fleet/confirm-command.ts")).confirm,
  },
  {
    name: "keep",
    operands: "[name]",
    summary: "keeps on the devices what was to be removed; it is lost from then on, which iot status shows",
    load: async () => (await import("./fleet/keep-command.ts")).keep,
  },
  {
    name: "adopt",
    operands: "<old-source>",
    summary: "lets a source take over what another one owned that is gone, by namespace and name",
    load: async () => (await import("./fleet/adopt-command.ts")).adopt,
  },
  {
    name: "forget",
    operands: "<source>",
    summary: "takes a source that ended out of iot status; what devices have of it stays",
    load: async () => (await import("./fleet/forget-command.ts")).forget,
  },
  {
    name: "audit",
    operands: "",
    summary: "what operators removed, held and lost, and what people said, the newest last",
    load: async () => (await import("./fleet/audit-command.ts")).audit,
  },
  {
    name: "devices",
    operands: "",
    summary: "the devices that have an identity, and whether they are disabled",
    load: async () => (await import("./identity/identity-commands.ts")).devices,
  },
  {
    name: "device add",
    operands: "<id>",
    summary: "a code for one device, of 15 minutes, to be typed on it",
    load: async () => (await import("./identity/identity-commands.ts")).deviceAdd,
  },
  {
    name: "device approve",
    operands: "<code>",
    summary: "makes a device of what waits with this code",
    load: async () => (await import("./identity/identity-commands.ts")).deviceApprove,
  },
  {
    name: "device deny",
    operands: "<code>",
    summary: "refuses what waits with this code",
    load: async () => (await import("./identity/identity-commands.ts")).deviceDeny,
  },
  {
    name: "device disable",
    operands: "<id>",
    summary: "out at once and everywhere, and not in again; what runs on it keeps running",
    load: async () => (await import("./identity/identity-commands.ts")).deviceDisable,
  },
  {
    name: "device enable",
    operands: "<id>",
    summary: "lets a disabled device in again",
    load: async () => (await import("./identity/identity-commands.ts")).deviceEnable,
  },
  {
    name: "device rekey",
    operands: "<id>",
    summary: "the device makes another key in place of the one that it has",
    load: async () => (await import("./identity/identity-commands.ts")).deviceRekey,
  },
  {
    name: "device forget",
    operands: "<id>",
    summary: "takes a device that is gone for good out of iot status; with identities, its identity too",
    load: async () => (await import("./fleet/device-forget-command.ts")).deviceForget,
  },
  {
    name: "bootstrap create",
    operands: "",
    summary: "prints the file for the boot partition of an image, with the only copy of its token",
    load: async () => (await import("./identity/identity-commands.ts")).bootstrapCreate,
  },
  {
    name: "bootstrap list",
    operands: "",
    summary: "the tokens of images, and how many devices asked with each",
    load: async () => (await import("./identity/identity-commands.ts")).bootstrapList,
  },
  {
    name: "bootstrap revoke",
    operands: "<name>",
    summary: "nobody asks with this token any more; devices that are approved stay",
    load: async () => (await import("./identity/identity-commands.ts")).bootstrapRevoke,
  },
  {
    name: "lint",
    operands: "<path...>",
    summary: "what the operator and the devices would say of workload files before they are pushed",
    load: async () => (await import("./workloads/lint-command.ts")).lint,
  },
  {
    name: "init",
    operands: "[folder]",
    summary: "a workload repository to begin with; what is there already is kept",
    load: async () => (await import("./workloads/init-command.ts")).init,
  },
  {
    name: "convert",
    operands: "<compose.yaml>",
    summary: "a Compose file as a Deployment on stdout; on stderr what of it is not taken over, or is yours to do",
    load: async () => (await import("./workloads/convert-command.ts")).convert,
  },
  {
    name: "provision",
    operands: "",
    summary: "makes a Linux host ready for the agent over SSH, and finds nothing to do the second time",
    load: async () => (await import("./host/provision-command.ts")).provision,
  },
];
