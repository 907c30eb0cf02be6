// `iot explain`: one deployment, on one device or on each that has it.

import { visibleJson, visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { nearName } from "@harmony/schema";
import type { DeploymentRow } from "@iot/fleet";
import { defineCommand } from "../command-line/command.ts";
import { JSON_OPTION, NATS_OPTION } from "../command-line/nats-option.ts";
import { type FleetView, readFleet } from "./read-fleet.ts";
import { renderExplanation, saidOfAbsent } from "./render-fleet.ts";
import { fleetAccess } from "../identity/who-asks.ts";

export const explain = defineCommand({
  options: { ...JSON_OPTION, ...NATS_OPTION },
  operands: [1, 2],
  async run({ json, nats }, [deployment = "", device], at) {
    const fleet = await readFleet(await fleetAccess(nats, at), at.signal);
    const rows = chooseRows(fleet, deployment, device).map((row) => ({
      row,
      device: fleet.devices.find((each) => each.device === row.device),
      sources: fleet.sources.filter(({ source }) => source === row.source),
    }));
    if (json === true)
      at.write(
        visibleJson(
          rows.map(({ row, ...around }) => ({ ...row, ...around })),
          2,
        ),
      );
    else at.write(visibleLines(rows.map((each) => renderExplanation(each.row, each.device, each.sources, at.width)).join("\n")));
    return 0;
  },
});

function chooseRows(fleet: FleetView, deployment: string, device: string | undefined): readonly DeploymentRow[] {
  const ofDeployment = fleet.deployments.filter((row) => row.deployment === deployment);
  if (ofDeployment.length === 0) {
    throw new UserError(
      `no device has a deployment "${deployment}": ${known(
        "deployments",
        deployment,
        fleet.deployments.map((row) => row.deployment),
      )}${saidOfAbsent(deployment, fleet.sources)}`,
    );
  }
  const rows = ofDeployment.filter((row) => device === undefined || row.device === device);
  if (rows.length > 0) return rows;
  throw new UserError(
    `"${deployment}" is not on device "${device ?? ""}": ${known(
      "devices that have it",
      device ?? "",
      ofDeployment.map((row) => row.device),
    )}${saidOfAbsent(deployment, fleet.sources)}`,
  );
}

function known(what: string, written: string, names: readonly string[]): string {
  const each = [...new Set(names)].toSorted(new Intl.Collator("en", { numeric: true }).compare);
  const more = each.length > 10 ? ` and ${each.length - 10} more` : "";
  // A short list shows it.
  const near = each.length > 10 ? nearName(written, each) : null;
  if (near !== null) return `do you mean "${near}"?`;
  return each.length === 0 ? `there are no ${what}` : `the ${what} are ${each.slice(0, 10).join(", ")}${more}`;
}
