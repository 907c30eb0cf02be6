// Asks for a page until it answers, without a pause longer than a millisecond. The start and swap
// figures are read from this clock.

import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

/** The page, or null when nothing answers (or not with 200) within 250 ms. */
export function get(host: string, port: number): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const asked = request({ host, port, path: "/", agent: false, timeout: 250 }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => (text += chunk));
    response.on("end", () => resolve(response.statusCode === 200 ? text : null));
    response.on("error", () => resolve(null));
  });
  asked.on("timeout", () => asked.destroy());
  asked.on("error", () => resolve(null));
  asked.end();
  return promise;
}

/** Milliseconds (of performance.now) at which a page with `text` first answered. */
export async function answeredAt(host: string, port: number, text: string, timeoutMs = 60_000): Promise<number> {
  const givesUpAt = performance.now() + timeoutMs;
  let last: string | null = null;
  while (performance.now() < givesUpAt) {
    last = await get(host, port);
    if (last?.includes(text) === true) return performance.now();
    await pause(1);
  }
  throw new Error(`http://${host}:${port}/ did not answer with "${text}" within ${timeoutMs} ms; last: ${last ?? "nothing"}`);
}
