// Says why nobody answers on the agent's socket, from what systemd knows of the unit: one sentence
// with the command that fixes it.

import { runProgram } from "../machine/run-program.ts";

export interface UnitState {
  readonly loadState: string;
  readonly activeState: string;
  readonly subState: string;
  /** The last sentence that the agent sent to systemd. */
  readonly statusText: string;
  readonly exitStatus: number;
}

const UNIT = "iot-agent";
const EX_CONFIG = 78;

export async function whyNotRunning({ configFile }: { readonly configFile: string }): Promise<string> {
  return sentenceOf(await unitState(), configFile);
}

export async function unitState(): Promise<UnitState | null> {
  const { exitCode, stdout } = await runProgram([
    "systemctl",
    "show",
    UNIT,
    "--property=LoadState,ActiveState,SubState,StatusText,ExecMainStatus",
  ]);
  return exitCode === 0 ? parseUnitState(stdout) : null;
}

export function parseUnitState(text: string): UnitState {
  const properties = new Map(text.split("\n").map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]));
  const property = (name: string): string => properties.get(name) ?? "";
  return {
    loadState: property("LoadState"),
    activeState: property("ActiveState"),
    subState: property("SubState"),
    statusText: property("StatusText"),
    exitStatus: Number(property("ExecMainStatus")) || 0,
  };
}

/** Pure. */
export function sentenceOf(unit: UnitState | null, configFile: string): string {
  if (unit === null) return `the agent is not running, and systemd does not answer: iot-agent --config ${configFile} runs it here`;
  if (unit.loadState !== "loaded") return "the agent is not running: systemd knows no unit iot-agent.service; install the package again";
  if (unit.exitStatus === EX_CONFIG && unit.activeState !== "active") {
    return `the agent is not running, because its configuration is wrong: ${unit.statusText || `see journalctl -u ${UNIT}`}; it is started again when that is put right`;
  }
  // It opens its socket when it has an identity, and says before what it waits for.
  if (unit.activeState === "active" && /enrol|approval|identity/.test(unit.statusText)) return unit.statusText;
  if (unit.activeState === "active")
    return `the agent runs and does not answer on its socket: sudo systemctl restart ${UNIT}; its reason: journalctl -u ${UNIT} -n 20`;
  if (unit.activeState === "activating")
    return `the agent is being started (${unit.subState}): look again in a moment, or see journalctl -u ${UNIT} -n 20`;
  return `the agent is not running (${unit.activeState}): sudo systemctl start ${UNIT}`;
}
