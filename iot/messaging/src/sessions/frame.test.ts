import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Channel, CHANNELS, decodeFrame, encodeFrame, FRAME_DATA_BYTES } from "./frame.ts";

const CHANNEL_NAMES: readonly Channel[] = ["stdin", "stdout", "stderr", "status", "resize", "credit", "notice", "close"];

test("a frame is its channel, its offset and its data, as it crosses the wire", () => {
  const bytes = encodeFrame({ channel: "notice", offset: 0x0102, data: Uint8Array.of(7, 8) });
  expect([...bytes]).toEqual([17, 0, 0, 0, 0, 0, 0, 1, 2, 7, 8]);
});

test("what was encoded is decoded, also where it lies in a larger buffer", () => {
  fc.assert(
    fc.property(fc.constantFrom(...CHANNEL_NAMES), fc.maxSafeNat(), fc.uint8Array({ maxLength: 300 }), (channel, offset, data) => {
      const bytes = encodeFrame({ channel, offset, data });
      const within = new Uint8Array([9, ...bytes, 9]).subarray(1, 1 + bytes.length);
      expect(decodeFrame(within)).toEqual({ channel, offset, data });
    }),
  );
});

test("any bytes are a frame or none, and never an error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const frame = decodeFrame(bytes);
      if (frame === null) return;
      expect(CHANNELS[frame.channel]).toBe(bytes[0]);
      expect([...encodeFrame(frame)]).toEqual([...bytes]);
    }),
  );
});

describe("no frame", () => {
  const header = (channel: number, offset: bigint): Uint8Array => {
    const bytes = new Uint8Array(9);
    new DataView(bytes.buffer).setUint8(0, channel);
    new DataView(bytes.buffer).setBigUint64(1, offset);
    return bytes;
  };
  test.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array()],
    ["half a header", header(1, 0n).subarray(0, 8)],
    ["a channel that there is none of", header(5, 0n)],
    ["the acknowledgement of a bucket", Buffer.from('{"stream":"KV_status","seq":1}')],
    ["an offset beyond what a number holds", header(1, 2n ** 53n)],
    ["too much data", new Uint8Array(9 + FRAME_DATA_BYTES + 1).fill(1, 0, 1)],
  ])("is %s", (_what, bytes) => {
    expect(decodeFrame(bytes)).toBeNull();
  });
});
