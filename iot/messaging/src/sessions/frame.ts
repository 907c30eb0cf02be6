// A frame of a session, which is one message of NATS: `u8 channel, u64 offset, data`. The channels
// are those of Kubernetes (v5.channel.k8s.io), and two of ours. `offset` is the number of bytes
// that the channel carried before, so that a frame that was lost is seen; of a credit, the bytes
// that its sender has consumed; of the status, all bytes that were sent before it. Pure and total:
// what is no frame is null.

export const CHANNELS = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, credit: 16, notice: 17, close: 255 } as const;
export type Channel = keyof typeof CHANNELS;

export interface Frame {
  readonly channel: Channel;
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Larger ones would hold up a status that waits behind them on a slow link. */
export const FRAME_DATA_BYTES = 16 * 1024;
/** The status carries the whole answer of a verb that has no stream. */
const STATUS_BYTES = 256 * 1024;
const HEADER_BYTES = 9;

const byNumber = new Map<number, Channel>();
for (const channel of ["stdin", "stdout", "stderr", "status", "resize", "credit", "notice", "close"] as const)
  byNumber.set(CHANNELS[channel], channel);

export function encodeFrame({ channel, offset, data }: Frame): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, CHANNELS[channel]);
  view.setBigUint64(1, BigInt(offset));
  bytes.set(data, HEADER_BYTES);
  return bytes;
}

export function decodeFrame(bytes: Uint8Array): Frame | null {
  if (bytes.length < HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const channel = byNumber.get(view.getUint8(0));
  const offset = Number(view.getBigUint64(1));
  const most = channel === "status" ? STATUS_BYTES : FRAME_DATA_BYTES;
  if (channel === undefined || !Number.isSafeInteger(offset) || bytes.length > HEADER_BYTES + most) return null;
  return { channel, offset, data: bytes.subarray(HEADER_BYTES) };
}
