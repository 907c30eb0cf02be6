// Brings a test image into a Podman through its socket, as `podman load` does. Tests of the libpod
// client itself do not use it.

import { request } from "node:http";
import type { TestImage } from "./image.ts";

export async function loadImage(podmanSocket: string, image: TestImage): Promise<void> {
  const body = await image.archive();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const headers = { "content-type": "application/x-tar", "content-length": body.length };
  const path = "/v4.0.0/libpod/images/load";
  const req = request({ socketPath: podmanSocket, method: "POST", path, headers, agent: false }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => {
      if (response.statusCode === 200) return resolve();
      reject(
        new Error(`failed to load image ${image.reference}: Podman answers ${response.statusCode} ${Buffer.concat(chunks).toString()}`),
      );
    });
  });
  req.on("error", reject);
  req.end(body);
  return promise;
}
