// `<deployment>[/<service>]`, as a person types it.

import { UserError } from "@harmony/runtime";
import { asDeploymentName } from "@iot/contracts";
import { EXIT } from "../command-line/exit-codes.ts";

/** @throws UserError */
export function targetOf(text: string): { readonly deployment: string; readonly service?: string } {
  const [deployment = "", service, ...more] = text.split("/");
  if (more.length > 0) throw new UserError(`"${text}" is no deployment: write <deployment> or <deployment>/<service>`, EXIT.usage);
  try {
    return { deployment: asDeploymentName(deployment), ...(service === undefined ? {} : { service: asDeploymentName(service) }) };
  } catch (cause) {
    throw new UserError(cause instanceof Error ? cause.message : String(cause), EXIT.usage, { cause });
  }
}
