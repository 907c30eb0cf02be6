// Judges a run of the documents' commands on a blank image, command by command, and words it as a
// page of docs/field/. Pure.

import type { Run } from "./record.ts";

/** The document's promise about a command. */
export interface Expectation {
  /** The command as the document has it. */
  readonly command: string;
  readonly prints: RegExp;
  /** The default is only 0. */
  readonly exitCodes?: readonly number[];
}

/** A command that was typed, and its result. */
export interface Typed {
  readonly command: string;
  readonly tookMs: number;
  readonly exitCode: number;
  /** Standard output, then standard error. */
  readonly printed: string;
  /** The difference from what the document says; null: none. */
  readonly failure: string | null;
}

export interface FromBlank {
  readonly run: Run;
  /** The commit of the repository. */
  readonly commit: string;
  readonly firstLoginMs: number | null;
  readonly typed: readonly Typed[];
  /** The time from the push to `Running` in the fleet's status and a page with HTTP 200. */
  readonly pushedMs: number | null;
  /**
   * The limits of the container, in the kernel's words; the page itself has the Score's words for
   * them.
   */
  readonly limits: string | null;
  /** The time from power on to each, after the power cut. */
  readonly afterCut: {
    readonly loginMs: number;
    readonly answeredMs: number;
    readonly reconciledMs: number;
    readonly lostWrites: number;
  } | null;
  /** The reason why it ended early, if it did. */
  readonly failure: string | null;
}

export function judgeTyped(
  expected: Expectation,
  seen: { readonly tookMs: number; readonly exitCode: number; readonly stdout: string; readonly stderr: string },
): Typed {
  const { command, prints, exitCodes = [0] } = expected;
  const { tookMs, exitCode, stdout, stderr } = seen;
  const printed = `${stdout}${stderr}`.trim();
  const failures = [
    ...(exitCodes.includes(exitCode) ? [] : [`its exit code is ${exitCode}, not ${exitCodes.join(" or ")}`]),
    ...(prints.test(printed) ? [] : [`it does not print ${prints.source}`]),
  ];
  return { command, tookMs, exitCode, printed, failure: failures.length === 0 ? null : failures.join("; ") };
}

export function fromBlankReport({ run, commit, firstLoginMs, typed, pushedMs, limits, afterCut, failure }: FromBlank): string {
  const versions = Object.entries(run.versions).map(([name, version]) => `${name} ${version}`);
  const rows = typed.map(
    ({ command, tookMs, exitCode, printed, failure: wrong }) =>
      `| \`${cell(command)}\` | ${seconds(tookMs)} | ${exitCode} | ${cell(wrong === null ? lastLine(printed) : `**${wrong}**: ${lastLine(printed)}`)} |`,
  );
  return `# From blank to reconciled: ${run.architecture}

Made by \`npm run field -- --from-blank --arch ${run.architecture}\`, begun ${run.startedAt}, of commit ${commit}; ${versions.join(", ")}; ${run.machine}.

**${failure === null ? "The blank image became a reconciled device, and was one again after a power cut" : `It did not come to its end: ${failure}`}.**

A blank image of Debian trixie (minimal, with sshd, sudo and the user \`pi\`; nothing of this project) is booted in qemu, and the commands of
docs/iot/pi-provisioning-manual.md and iot/iot-agent/README.md are typed at it over SSH. The processor is emulated, on a machine that does
other things too, so the times say little of a Raspberry Pi.

Not of the documents: the packages lie on the image, as an apt repository, since the device reaches no mirror; a file in
/etc/containers/registries.conf.d says that the suite's own registry has no TLS; and each command says at which port, with which key and
which known hosts (\`--port\`, \`--identity\`, \`--known-hosts\`). The kernel is Debian's for clouds, udev is there and does not run, and there is no firmware.

| | |
|---|---|
| first boot to the login prompt | ${seconds(firstLoginMs)} |
| \`git push\` of a Deployment to \`Running\` and HTTP 200 | ${seconds(pushedMs)} |
| \`resources: { memory: 64Mi, cpus: 0.5, pids: 100 }\`, as the kernel holds the container to them | ${limits ?? "–"} |
| after a power cut (${afterCut?.lostWrites ?? "–"} unflushed writes lost): power on to the login prompt | ${seconds(afterCut?.loginMs ?? null)} |
| to the page's answer | ${seconds(afterCut?.answeredMs ?? null)} |
| to reconciled | ${seconds(afterCut?.reconciledMs ?? null)} |

## The commands

| command | took | exit code | its last line |
|---|---|---|---|
${rows.join("\n")}

## All that they printed
${typed.map(({ command, printed }) => `\n    $ ${command}\n${printed.replaceAll(/^/gm, "    ")}\n`).join("")}`;
}

function lastLine(text: string): string {
  return text.split("\n").at(-1) ?? "";
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function seconds(ms: number | null): string {
  return ms === null ? "–" : `${(ms / 1000).toFixed(0)} s`;
}
