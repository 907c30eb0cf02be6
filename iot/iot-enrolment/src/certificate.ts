// The certificate under which the service answers: read when it starts, and again when its files
// have changed, so that one that was renewed needs no restart.

import { readFile } from "node:fs/promises";
import { errorText, EX_CONFIG, type Log, UserError } from "@harmony/runtime";
import type { EnrolmentConfig } from "./config.ts";
import type { Certificate, HttpServer } from "./http/http-server.ts";

type CertificateFiles = NonNullable<EnrolmentConfig["tls"]>;

/** @throws UserError */
export async function readCertificate(files: CertificateFiles | null): Promise<Certificate | null> {
  if (files === null) return null;
  const read = (path: string): Promise<Buffer> =>
    readFile(path).catch((cause: unknown) => {
      throw new UserError(`${path}: the service's certificate or key cannot be read`, EX_CONFIG, { cause });
    });
  return { cert: await read(files.certFile), key: await read(files.keyFile) };
}

/** A certificate that was renewed is used without a restart. Returns what ends that. */
export function followCertificate(
  files: CertificateFiles | null,
  { http, log, everyMs }: { readonly http: HttpServer; readonly log: Log; readonly everyMs: number },
): () => void {
  if (files === null) return () => undefined;
  let [used, problem] = ["", ""];
  const look = async (): Promise<void> => {
    try {
      const certificate = await readCertificate(files);
      if (certificate === null) return;
      const text = `${certificate.cert.toString()}${certificate.key.toString()}`;
      if (used !== "" && text !== used) {
        http.useCertificate(certificate);
        log.info("uses another certificate");
      }
      [used, problem] = [text, ""];
    } catch (error) {
      // The two files change one after the other: the next look finds both.
      if (problem !== errorText(error)) log.warn("the certificate cannot be used; the one before stays", { error });
      problem = errorText(error);
    }
  };
  void look();
  const timer = setInterval(() => void look(), everyMs).unref();
  return () => clearInterval(timer);
}
