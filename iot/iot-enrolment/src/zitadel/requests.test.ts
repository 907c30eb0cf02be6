// What the service sends to Zitadel, against Zitadel's own definitions (npm @zitadel/proto, made from
// its protos): the method and the path of each call, and its body, in which a field that was renamed
// or invented is refused.

import { type DescMessage, type DescMethod, fromJsonString, getOption, type MessageShape } from "@bufbuild/protobuf";
import { http } from "@zitadel/proto/google/api/annotations_pb";
import { KeyType } from "@zitadel/proto/zitadel/auth_n_key_pb";
import { AddMachineKeyRequestSchema, AddMachineUserRequestSchema, ManagementService } from "@zitadel/proto/zitadel/management_pb";
import { CreateUserRequestSchema, UserService } from "@zitadel/proto/zitadel/user/v2/user_service_pb";
import { AccessTokenType } from "@zitadel/proto/zitadel/user_pb";
import { expect, test } from "vitest";
import * as requests from "./requests.ts";

const PEM = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";
const { method } = ManagementService;

const calls: readonly [requests.ZitadelRequest, DescMethod][] = [
  [requests.addMachine("pi-7"), method.addMachineUser],
  [requests.addRole("pi-7", "300"), method.addUserGrant],
  [requests.listRoles("pi-7"), method.listUserGrants],
  [requests.addKey("pi-7", PEM), method.addMachineKey],
  [requests.removeKey("pi-7", "301"), method.removeMachineKey],
  [requests.listKeys("pi-7"), method.listMachineKeys],
  [requests.deactivate("pi-7"), method.deactivateUser],
  [requests.reactivate("pi-7"), method.reactivateUser],
  [requests.removeUser("pi-7"), method.removeUser],
  [requests.readUser("pi-7"), method.getUserByID],
];

test.each(calls)("%o is a call of Zitadel's", ({ method: verb, path, body }, defined) => {
  const { pattern, body: where } = getOption(defined, http);
  expect(pattern.case).toBe(verb.toLowerCase());
  const template = typeof pattern.value === "string" ? pattern.value : "";
  expect(path).toMatch(new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`));
  expect(where).toBe(body === undefined ? "" : "*");
  expect(() => parsed(defined.input, body ?? {})).not.toThrow();
});

test("a machine gets tokens that others can read, and a key goes as it is", () => {
  const machine = parsed(AddMachineUserRequestSchema, requests.addMachine("pi-7").body);
  expect(machine).toMatchObject({ userId: "pi-7", userName: "pi-7", name: "pi-7", accessTokenType: AccessTokenType.JWT });
  const { publicKey, type, expirationDate } = parsed(AddMachineKeyRequestSchema, requests.addKey("pi-7", PEM).body);
  expect([Buffer.from(publicKey).toString(), type, expirationDate]).toEqual([PEM, KeyType.JSON, undefined]);
});

test("the newer call for a machine has no field for the type of tokens, and that for a key no path", () => {
  const body = { organizationId: "200", userId: "pi-7", machine: { name: "pi-7", accessTokenType: "ACCESS_TOKEN_TYPE_JWT" } };
  expect(() => parsed(CreateUserRequestSchema, body)).toThrow(/accessTokenType/);
  expect(getOption(UserService.method.addKey, http).pattern.case).toBeUndefined();
});

test.each<[string, DescMethod, object]>([
  ["of the keys", method.listMachineKeys, { result: [{ id: "301" }] }],
  ["of the roles", method.listUserGrants, { result: [{ projectId: "300", roleKeys: ["device"] }] }],
  ["of a new key", method.addMachineKey, { keyId: "301" }],
  ["of a user", method.getUserByID, { user: { id: "pi-7", state: "USER_STATE_INACTIVE" } }],
])("the answer %s that is read has these fields", (_what, defined, answer) => {
  expect(() => parsed(defined.output, answer)).not.toThrow();
});

function parsed<Schema extends DescMessage>(schema: Schema, body: object | undefined): MessageShape<Schema> {
  return fromJsonString(schema, JSON.stringify(body ?? {}));
}
