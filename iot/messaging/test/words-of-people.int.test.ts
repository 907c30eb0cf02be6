// What reaches the operators of people: the word of an admin, with who says it, and nothing that a
// viewer can make by naming the operators' subject as the place for an answer.

import { readSubjects, streamName } from "@iot/contracts";
import { expect, test } from "vitest";
import { openStatusStore, openStatusWriter } from "../src/index.ts";
import { deviceA, silent, startFleet } from "./nats-setup.ts";

test("no answer becomes a word to operators, also not one of a device that helps", async () => {
  await using fleet = await startFleet("accounts");
  const operator = await fleet.operator();
  await openStatusStore(operator, { log: silent });
  const [a, viewer, admin] = [await fleet.device(deviceA), await fleet.person("viewer"), await fleet.person("admin")];
  const token = '{"token":"x"}';
  const at = { agentVersion: "1", bootId: "b", reportedAt: "2026-01-01T00:00:00Z", manifestRevision: 1, deployments: {} };
  await openStatusWriter(a, deviceA).putStatus({ device: deviceA, ...at }, AbortSignal.timeout(10_000));
  const believed: (string | undefined)[] = [];
  operator.connection.subscribe("iot.operator.*", {
    callback: (_error, message) => {
      // As serveOperatorRequests has it: nobody would hear what was done.
      if ((message.reply ?? "") !== "") believed.push(message.headers?.get("Nats-Request-Info"));
      message.respond("{}");
    },
  });
  a.connection.subscribe(`iot.command.${deviceA}.ping`, {
    callback: (_error, { reply = "" }) => a.connection.publish(reply, token, { reply: "_INBOX_dev-a.x" }),
  });
  await Promise.all([operator.connection.flush(), a.connection.flush()]);

  const reply = "iot.operator.confirm";
  viewer.connection.publish(`iot.command.${deviceA}.ping`, token, { reply });
  viewer.connection.publish(readSubjects(streamName("status")).own, JSON.stringify({ last_by_subj: `$KV.status.${deviceA}` }), { reply });
  viewer.connection.publish("iot.operator.state", token, { reply });
  await viewer.connection.flush();
  await admin.connection.request(reply, token, { timeout: 5_000 });
  const users = believed.map((info) => /"user":"([^"]*)"/.exec(info ?? "")?.[1]);
  expect(users).toEqual(["alice-viewer", "alice-admin"]);
});
