// A device that was let in, by a code or by a person, as soon as its account is there.

import { BootstrapMade, CodeMade } from "@iot/identity";
import { eventually } from "@iot/testkit";
import { approvedOf, codeIn, type Fleet, type TestDevice } from "./fleet.ts";

export interface EnrolledDevice {
  readonly device: TestDevice;
  readonly answer: ReturnType<typeof approvedOf>;
}

export async function enrolledByCode(fleet: Fleet, id: string, of?: TestDevice): Promise<EnrolledDevice> {
  const device = of ?? (await fleet.device());
  const { code } = CodeMade.parse((await fleet.say(`/v1/devices/${id}/code`)).body);
  const said = await device.enrol({ code });
  return { device, answer: await approved(device, codeIn(said)) };
}

export async function enrolledByPerson(fleet: Fleet, id: string, labels: Readonly<Record<string, string>> = {}): Promise<EnrolledDevice> {
  const device = await fleet.device();
  const asked = { name: `for-${id}`, maxDevices: 1, days: 1 };
  const { token } = BootstrapMade.parse((await fleet.say("/v1/bootstraps", asked)).body);
  const code = codeIn(await device.enrol({ token }));
  const said = await fleet.say(`/v1/enrolments/${code}/approve`, { device: id, labels });
  if (said.status !== 200) throw new Error(`not approved: ${said.text}`);
  return { device, answer: await approved(device, code) };
}

export interface EnrolledWithToken extends EnrolledDevice {
  readonly token: string;
}

/** The same, with a token. */
export async function enrolled(...asked: Parameters<typeof enrolledByPerson>): Promise<EnrolledWithToken> {
  const { device, answer } = await enrolledByPerson(...asked);
  return { device, answer, token: await device.token(answer) };
}

export function approved(device: TestDevice, code: string): Promise<ReturnType<typeof approvedOf>> {
  return eventually(async () => approvedOf(await device.state(code)), { what: "it is approved, with its account" });
}
