// A device of a test that is enrolled with labels, as by the token of an image and an approval.

import type { EnrolmentAnswer } from "@iot/identity";
import { BootstrapMade } from "@iot/identity";
import { approvedOf, codeIn, type Fleet, type TestDevice } from "./fleet.ts";

export interface Enrolled {
  readonly device: TestDevice;
  readonly answer: Extract<EnrolmentAnswer, { state: "approved" }>;
  readonly token: string;
}

export async function enrolled(fleet: Fleet, id: string, labels: Readonly<Record<string, string>> = {}): Promise<Enrolled> {
  const { token: bootstrap } = BootstrapMade.parse((await fleet.say("/v1/bootstraps", { name: `for-${id}`, maxDevices: 1, days: 1 })).body);
  const device = await fleet.device();
  const code = codeIn(await device.enrol({ token: bootstrap }));
  await fleet.say(`/v1/enrolments/${code}/approve`, { device: id, labels });
  const answer = approvedOf(await device.state(code));
  return { device, answer, token: await device.token(answer) };
}
