// Words how far a pull is, from Podman's lines about its layers.

import type { PullLine } from "../libpod/answers.ts";

/** The sum over the layers that are being fetched and whose size is known, compressed. */
export interface PullSize {
  readonly currentBytes: number;
  readonly totalBytes: number;
}

/** Calls `report` only when the words change. */
export function pullProgress(report: (text: string) => void, onSize: (size: PullSize) => void = () => undefined): (line: PullLine) => void {
  const layers = new Map<string, PullSize>();
  let last = "";
  return ({ id, status, progressDetail: { current, total } }) => {
    if (id === undefined) return;
    const before = layers.get(id) ?? { currentBytes: 0, totalBytes: 0 };
    const totalBytes = total ?? before.totalBytes;
    layers.set(id, { totalBytes, currentBytes: status === "Download complete" ? totalBytes : (current ?? before.currentBytes) });
    const sum = [...layers.values()].reduce((a, b) => ({
      currentBytes: a.currentBytes + b.currentBytes,
      totalBytes: a.totalBytes + b.totalBytes,
    }));
    onSize(sum);
    const text = sum.totalBytes === 0 ? "" : `${Math.floor((100 * sum.currentBytes) / sum.totalBytes)} %`;
    if (text !== "" && text !== last) report((last = text));
  };
}
