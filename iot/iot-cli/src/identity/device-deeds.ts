// What a person does with devices and bootstrap tokens: each asks the service, and returns what is
// printed.

import { UserError } from "@harmony/runtime";
import {
  BootstrapList,
  BootstrapMade,
  type BootstrapRequest,
  CodeMade,
  DeviceList,
  EnrolledId,
  EnrolmentList,
  type SerialsRequest,
  StepsAnswer,
  typedCode,
} from "@iot/identity";
import * as z from "zod/mini";
import { EXIT } from "../command-line/exit-codes.ts";
import { askEnrolment, type EnrolmentAccess, type Question } from "./enrolment-client.ts";
import { renderBootstraps, renderDevices, renderPending, renderSteps, writtenDay } from "./render-devices.ts";

/** `isDone`: nothing is left to be said again. */
export interface Done {
  readonly text: string;
  readonly isDone: boolean;
}

/** So that they fit into one request, with all their labels. */
const ROWS_AT_ONCE = 20;

export interface Asking {
  readonly access: EnrolmentAccess;
  readonly signal: AbortSignal;
}

export async function listDevices({ access, signal }: Asking): Promise<string> {
  const { devices } = await askEnrolment(access, { method: "GET", path: "/v1/devices" }, DeviceList, signal);
  return renderDevices(devices);
}

export async function listPending({ access, signal }: Asking): Promise<string> {
  const { enrolments } = await askEnrolment(access, { method: "GET", path: "/v1/enrolments?state=pending" }, EnrolmentList, signal);
  return renderPending(enrolments);
}

export async function addDevice({ access, signal }: Asking, device: string): Promise<string> {
  const question: Question = { method: "POST", path: `/v1/devices/${idOf(device)}/code` };
  const { code, expiresAtS } = await askEnrolment(access, question, CodeMade, signal);
  const minutes = Math.max(1, Math.round((expiresAtS - Date.now() / 1_000) / 60));
  return `${code}\nfor ${minutes} minutes, once; on the device: sudo iot-agent enrol ${access.url.origin} ${code}\n`;
}

export interface Approval {
  readonly device: string;
  /** `site=north` */
  readonly labels: readonly string[];
  readonly replaces: string | undefined;
}

export async function approveDevice({ access, signal }: Asking, code: string, approval: Approval): Promise<Done> {
  const labels = labelsOf(approval.labels);
  const body = {
    device: idOf(approval.device),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(approval.replaces === undefined ? {} : { replaces: idOf(approval.replaces) }),
  };
  return stepsOf(await askEnrolment(access, { method: "POST", path: `/v1/enrolments/${codeOf(code)}/approve`, body }, StepsAnswer, signal));
}

export async function denyDevice({ access, signal }: Asking, code: string, reason: string | undefined): Promise<string> {
  const body = reason === undefined ? {} : { reason };
  await askEnrolment(access, { method: "POST", path: `/v1/enrolments/${codeOf(code)}/deny`, body }, z.object({}), signal);
  return `the device with the code ${codeOf(code)} is denied\n`;
}

export async function disableDevice({ access, signal }: Asking, device: string, reason: string): Promise<Done> {
  const question: Question = { method: "POST", path: `/v1/devices/${idOf(device)}/disable`, body: { reason } };
  return stepsOf(await askEnrolment(access, question, StepsAnswer, signal));
}

export async function enableDevice({ access, signal }: Asking, device: string): Promise<Done> {
  return stepsOf(await askEnrolment(access, { method: "POST", path: `/v1/devices/${idOf(device)}/enable` }, StepsAnswer, signal));
}

export async function rekeyDevice({ access, signal }: Asking, device: string): Promise<Done> {
  return stepsOf(await askEnrolment(access, { method: "POST", path: `/v1/devices/${idOf(device)}/rekey` }, StepsAnswer, signal));
}

/** null: it had no identity. */
export async function forgetIdentity({ access, signal }: Asking, device: string): Promise<Done | null> {
  const question: Question = { method: "POST", path: `/v1/devices/${idOf(device)}/forget` };
  const answer = await askEnrolment(access, question, StepsAnswer, signal);
  return answer.steps.length === 0 ? null : stepsOf(answer);
}

/** The file for the boot partition. It is the only copy of the token. */
export async function createBootstrap(
  { access, signal }: Asking,
  request: BootstrapRequest,
  rows: SerialsRequest["rows"],
): Promise<string> {
  // First the list: a device that asks before it is there would wait for a person.
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    const body = { rows: rows.slice(at, at + ROWS_AT_ONCE) };
    await askEnrolment(access, { method: "POST", path: `/v1/bootstraps/${request.name}/serials`, body }, z.object({}), signal);
  }
  const made = await askEnrolment(access, { method: "POST", path: "/v1/bootstraps", body: request }, BootstrapMade, signal);
  const { name, maxDevices } = request;
  const approval = rows.length === 0 ? "a person approves each" : `${rows.length} by their serial numbers, a person approves the others`;
  const ca = access.ca === undefined ? [] : [`ca = '''\n${access.ca.trim()}\n'''`];
  return [
    `# ${name}: lets at most ${maxDevices} devices ask until ${writtenDay(made.expiresAtS)}; ${approval}.`,
    "[enrolment]",
    `url = ${JSON.stringify(access.url.origin)}`,
    ...ca,
    `token = ${JSON.stringify(made.token)}`,
    "",
  ].join("\n");
}

export async function listBootstraps({ access, signal }: Asking): Promise<string> {
  const { bootstraps } = await askEnrolment(access, { method: "GET", path: "/v1/bootstraps" }, BootstrapList, signal);
  return renderBootstraps(bootstraps, Date.now() / 1_000);
}

export async function revokeBootstrap({ access, signal }: Asking, name: string): Promise<string> {
  await askEnrolment(access, { method: "DELETE", path: `/v1/bootstraps/${encodeURIComponent(name)}` }, z.object({}), signal);
  return `the bootstrap token "${name}" lets nobody ask any more; devices that are approved stay\n`;
}

function stepsOf({ device, steps }: StepsAnswer): Done {
  return { text: renderSteps(device, steps), isDone: steps.every(({ isDone }) => isDone) };
}

function idOf(text: string): string {
  const id = EnrolledId.safeParse(text);
  if (id.success) return id.data;
  throw new UserError(`"${text}" is no id of a device: a DNS label that is not of digits alone, e.g. pi-kiln-3`, EXIT.usage);
}

function codeOf(text: string): string {
  const code = typedCode(text);
  if (/^[0-9A-Z]{4}(-[0-9A-Z]{4}){2}$/.test(code)) return code;
  throw new UserError(`"${text}" is no code: the device shows one like 7K4M-92QD-X3AA`, EXIT.usage);
}

function labelsOf(texts: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1) throw new UserError(`--label takes name=value, found "${text}"`, EXIT.usage);
    labels[text.slice(0, at)] = text.slice(at + 1);
  }
  return labels;
}
