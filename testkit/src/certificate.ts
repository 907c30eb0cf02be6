// Makes a server's certificate, and the authority that has signed it, with openssl, for a test of
// TLS.

import { join } from "node:path";
import { run } from "./program.ts";
import { makeTempFolder } from "./temp-folder.ts";

/** Paths of PEM files. */
export interface TestCertificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `of`: the subject, in openssl's words; the default is this machine's own address. */
export async function makeTestCertificate(of = "IP:127.0.0.1"): Promise<TestCertificate> {
  const folder = await makeTempFolder("certificate");
  const [ca, cert, key] = [join(folder.path, "ca.pem"), join(folder.path, "cert.pem"), join(folder.path, "key.pem")];
  const caKey = join(folder.path, "ca-key.pem");
  const request = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"];
  await run([...request, "-subj", "/CN=the plant's authority", "-keyout", caKey, "-out", ca]);
  const names = ["-addext", `subjectAltName=${of}`, "-addext", "basicConstraints=critical,CA:FALSE"];
  await run([...request, "-subj", "/CN=central", ...names, "-CA", ca, "-CAkey", caKey, "-keyout", key, "-out", cert]);
  return { ca, cert, key, [Symbol.asyncDispose]: () => folder.remove() };
}
