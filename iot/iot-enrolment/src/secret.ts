// Secrets that are shown once, and of which only the digest is kept. Each has more than 256 bits
// but the code that a person types, which has 60, lives 15 minutes and is used once.

import { createHash, randomBytes } from "node:crypto";
import { codeOfBytes } from "@iot/identity";

/** The first letters say to a person, and to a scanner of repositories, what it is. */
export function makeSecret(of: "person" | "bootstrap"): string {
  return `${of === "person" ? "iotp" : "iotb"}_${randomBytes(32).toString("base64url")}`;
}

export function makeCode(): string {
  return codeOfBytes(randomBytes(8));
}

/** Of a serial number, as it is written in any case. */
export function serialDigest(serial: string): string {
  return digestOf(`serial ${serial.trim().toLowerCase()}`);
}

export function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
