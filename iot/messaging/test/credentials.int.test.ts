// The credential shown to the server is asked for at each dial: a password that changes, a key that
// signs, a source that fails, and one that announces another credential.

import { nkeyAuthenticator, nkeys } from "@nats-io/nats-core";
import { eventually, type NatsServer, startNats } from "@iot/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { asCredential, type ConnectionState, connectMessaging, type CredentialSource, type Messaging } from "../src/index.ts";
import { containing, silent } from "./nats-setup.ts";

const stop = new AbortController();
const withPassword = (pass: string): string => `authorization { user: dev-a, password: ${pass} }`;
const slow = { timeoutMs: 20_000 };

let nats: NatsServer;
let states: ConnectionState[];
let messaging: Messaging | undefined;
beforeEach(async () => {
  nats = await startNats({ config: withPassword("first") });
  states = [];
});
afterEach(async () => {
  await messaging?.close();
  messaging = undefined;
  await nats.stop();
});

function connect(credentials: CredentialSource): Promise<Messaging> {
  return connectMessaging({
    servers: [nats.url],
    credentials,
    name: "test",
    log: silent,
    signal: stop.signal,
    onState: (state) => states.push(state),
  });
}

test("a password that was changed at both ends is followed on the same connection", async () => {
  let pass = "first";
  let asked = 0;
  messaging = await connect({
    current: () => {
      asked += 1;
      return Promise.resolve(asCredential({ user: "dev-a", pass }));
    },
  });
  expect(asked).toBe(1);
  const isConnected = (): boolean => states.at(-1)?.kind === "connected";
  await nats.restart(withPassword("second"));
  await eventually(() => states.some((state) => state.kind === "disconnected" && state.reason === "WrongCredentials"), {
    what: "the old one is refused",
    ...slow,
  });
  pass = "second";
  await eventually(isConnected, { what: "it is back", ...slow });
  expect(asked).toBeGreaterThan(2);
});

test("a credential that cannot be had is the state of the connection, at first and after a loss, until it can", async () => {
  let trouble: string | null = "the key is locked; unlock it";
  const source: CredentialSource = {
    current: () =>
      trouble === null ? Promise.resolve(asCredential({ user: "dev-a", pass: "first" })) : Promise.reject(new Error(trouble)),
  };
  const expected = { kind: "disconnected", reason: "CredentialsUnavailable", message: containing(": the key is locked; unlock it") };
  const connecting = connect(source);
  await eventually(() => states.length === 2, { what: "it is reported" });
  expect(states[1]).toMatchObject(expected);
  trouble = null;
  messaging = await connecting;

  trouble = "the key is locked; unlock it";
  states.length = 0;
  await nats.restart();
  await eventually(() => states.some((state) => state.kind === "disconnected" && state.reason !== "Lost"), {
    what: "it is reported again",
    ...slow,
  });
  expect(states.at(-1)).toMatchObject(expected);
  // Nobody dials with the credential from before.
  await eventually(
    async () => Number(/"total_connections": (\d+)/.exec(await (await fetch(`${nats.monitorUrl}/varz`)).text())?.[1]) === 0,
    {
      what: "nobody has dialled",
    },
  );
  trouble = null;
  await eventually(() => states.at(-1)?.kind === "connected", { what: "it is back", ...slow });
});

test("a source that takes its time is waited for, also by the client's own dial", async () => {
  let release = (): void => undefined;
  let pass = "first";
  messaging = await connect({
    current: () =>
      new Promise((resolve) => {
        release = () => resolve(asCredential({ user: "dev-a", pass }));
        if (pass === "first") release();
      }),
  });
  pass = "second";
  await nats.restart(withPassword("second"));
  await eventually(() => states.at(-1)?.kind === "disconnected", { what: "the loss is seen", ...slow });
  release();
  await eventually(() => states.at(-1)?.kind === "connected", { what: "it is back", ...slow });
  expect(states.filter((state) => state.kind === "disconnected" && state.reason === "WrongCredentials")).toEqual([]);
});

test("a key signs what the server asks", async () => {
  const key = nkeys.createUser();
  await nats.restart(`authorization { users: [ { nkey: ${key.getPublicKey()} } ] }`);
  const authenticator = nkeyAuthenticator(key.getSeed());
  messaging = await connect({ current: () => Promise.resolve({ user: undefined, authenticator }) });
  await messaging.connection.flush();
  expect(messaging.state().kind).toBe("connected");
});

test("another credential is a new connection, and no loss is reported", async () => {
  let changed = (): void => undefined;
  messaging = await connect({
    current: () => Promise.resolve(asCredential({ user: "dev-a", pass: "first" })),
    onChange: (callback) => {
      changed = callback;
      return () => (changed = () => undefined);
    },
  });
  const before = messaging.connection.info?.client_id;
  let isBack = false;
  messaging.onReconnect(() => (isBack = true));
  changed();
  await eventually(() => isBack, { what: "it is connected anew", ...slow });
  expect(messaging.connection.info?.client_id).not.toBe(before);
  expect(states.map(({ kind }) => kind)).toEqual(["connecting", "connected", "connected"]);
});
