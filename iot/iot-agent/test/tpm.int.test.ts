// The key of a device in a TPM, which is Debian's swtpm here: made there, used there, replaced
// there. What it signs is a token's worth at the issuer of the tests, on Zitadel's own library.

import { createPublicKey, verify } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { keyIdOf, readPublicKey } from "@iot/identity";
import { PeerClock } from "@iot/identity/device";
import { makeTempFolder, startIssuer, startTpm, type TestIssuer, type TestTpm } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod/mini";
import { IdentityStore } from "../src/identity/identity-store.ts";
import { TokenIssuer } from "../src/identity/token-issuer.ts";

const stack = new AsyncDisposableStack();
let tpm: TestTpm;
let zitadel: TestIssuer;
let store: IdentityStore;
beforeAll(async () => {
  tpm = stack.use(await startTpm());
  Object.assign(process.env, tpm.env);
  zitadel = stack.use(await startIssuer());
  const folder = await makeTempFolder("tpm-state");
  stack.defer(() => folder.remove());
  store = new IdentityStore(folder.path, "tpm");
});
afterAll(() => stack.disposeAsync());

test("the key is made in the chip, is as strong as a service takes, and nothing of it is on the disk", async () => {
  const signer = await store.signer();
  expect(readPublicKey(signer.publicKeyPem)).toMatchObject({ ok: true });
  const message = Buffer.from("something");
  expect(verify("sha256", message, signer.publicKeyPem, await signer.sign(message))).toBe(true);
  expect(await readFile(store.keyFile, "utf8")).toBe("tpm:0x81010A10\n");
  expect(await readdir(store.folder)).toEqual(["key.pem"]);
  expect((await store.signer()).publicKeyPem).toBe(signer.publicKeyPem);
});

test("Zitadel's library takes what the chip signs", async () => {
  const signer = await store.signer();
  const user = { userId: "pi-tpm", userName: "pi-tpm", name: "pi-tpm", accessTokenType: "ACCESS_TOKEN_TYPE_JWT" };
  await zitadel.call("POST", "/management/v1/users/machine", user);
  const key = { type: "KEY_TYPE_JSON", publicKey: Buffer.from(signer.publicKeyPem).toString("base64") };
  const made = await zitadel.call("POST", "/management/v1/users/pi-tpm/keys", key);
  const { keyId } = z.object({ keyId: z.string() }).parse(made);
  const issuer = new TokenIssuer({ url: zitadel.url }, AbortSignal.timeout(60_000), { clock: new PeerClock(), project: zitadel.project });
  expect(await issuer.token(signer, { device: "pi-tpm", keyId })).toMatchObject({ ok: true });
});

test("the key that follows is another one in the chip, and takes the place of the first when the service has it", async () => {
  const [present, next] = [await store.signer(), await store.nextSigner()];
  expect(next.publicKeyPem).not.toBe(present.publicKeyPem);
  expect((await store.nextSigner()).publicKeyPem, "asked again, the same").toBe(next.publicKeyPem);
  expect((await store.signer()).publicKeyPem, "the present one stays").toBe(present.publicKeyPem);
  const keyId = keyIdOf(createPublicKey(next.publicKeyPem));
  const said = { state: "approved", code: "7K4M-92QD-X3AA", device: "pi-tpm", issuer: "https://enrol.example", project: "iot" } as const;
  await store.saveIdentity({ ...said, keyId, nats: { urls: ["nats://127.0.0.1:4222"] } });
  expect((await store.signer()).publicKeyPem).toBe(next.publicKeyPem);
  expect((await store.nextSigner()).publicKeyPem, "the first place is used again").not.toBe(present.publicKeyPem);
  expect(await readFile(join(store.folder, "next-key.pem"), "utf8")).toBe("tpm:0x81010A10\n");
});

test("without the board the sentence says that the key does not sign, and with it the device goes on", async () => {
  const { publicKeyPem } = await store.signer();
  await tpm.kill();
  await expect(store.signer()).rejects.toThrow(
    /^the device's key does not sign: .*key\.pem: tpm2_readpublic: .*sudo iot-agent enrol URL CODE$/,
  );
  await tpm.start();
  expect((await store.signer()).publicKeyPem).toBe(publicKeyPem);
});
