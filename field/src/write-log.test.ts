import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seeded } from "./random.ts";
import { type LoggedWrite, readWriteLog, survivors, untilTheCut } from "./write-log.ts";

const SECTOR = 512;

function superblock(): Buffer {
  const sector = Buffer.alloc(SECTOR);
  sector.writeBigUInt64LE(0x6a736677736872n, 0);
  sector.writeBigUInt64LE(1n, 8);
  sector.writeUInt32LE(SECTOR, 24);
  return sector;
}

function entry(sector: number, sectors: number, flags: number, data = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(SECTOR);
  header.writeBigUInt64LE(BigInt(sector), 0);
  header.writeBigUInt64LE(BigInt(sectors), 8);
  header.writeBigUInt64LE(BigInt(flags), 16);
  return Buffer.concat([header, data]);
}

async function read(log: Buffer): Promise<readonly LoggedWrite[]> {
  const folder = await mkdtemp(join(tmpdir(), "write-log-"));
  try {
    await writeFile(join(folder, "log"), log);
    return await readWriteLog(join(folder, "log"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("a log of writes is read up to where it ends", async () => {
  const two = Buffer.alloc(2 * SECTOR, 7);
  const log = await read(
    Buffer.concat([superblock(), entry(8, 2, 0, two), entry(0, 0, 1), entry(16, 1, 2, Buffer.alloc(SECTOR)), Buffer.alloc(SECTOR)]),
  );
  expect(log).toEqual([
    { kind: "write", offsetBytes: 4096, lengthBytes: 1024, dataAtBytes: 1024 },
    { kind: "flush", offsetBytes: 0, lengthBytes: 0, dataAtBytes: 2560 },
    { kind: "durable", offsetBytes: 8192, lengthBytes: 512, dataAtBytes: 3072 },
  ]);
});

test("a log that was never begun is empty, and another file is refused", async () => {
  expect(await read(Buffer.alloc(0))).toEqual([]);
  await expect(read(Buffer.alloc(SECTOR, 1))).rejects.toThrow("another magic number");
});

const write = (offsetBytes: number, kind: LoggedWrite["kind"] = "write"): LoggedWrite => ({
  kind,
  offsetBytes,
  lengthBytes: 512,
  dataAtBytes: 0,
});
const LOG = [write(1), write(0, "flush"), write(2), write(3, "durable"), write(4)];
const offsets = ({ kept }: ReturnType<typeof survivors>): readonly number[] => kept.map(({ offsetBytes }) => offsetBytes);

test("what was flushed or is durable by itself survives a cut, and of the rest as much as the seed says", () => {
  expect(offsets(survivors(LOG, 0, seeded(1)))).toEqual([1, 3]);
  expect(offsets(survivors(LOG, 1, seeded(1)))).toEqual([1, 2, 3, 4]);
  const many = Array.from({ length: 1000 }, (_, index) => write(index));
  const { kept, unflushed } = survivors(many, 0.5, seeded(1));
  expect(unflushed).toBe(1000);
  expect(kept.length).toBeGreaterThan(400);
  expect(kept.length).toBeLessThan(600);
  expect(survivors(many, 0.5, seeded(1)).kept).toEqual(kept);
});

test("a cut falls on one of the last writes, spread by the seed", () => {
  const many = Array.from({ length: 1000 }, (_, index) => ({ ...write(index), dataAtBytes: index + 1 }));
  const lengths = Array.from({ length: 200 }, (_, index) => untilTheCut(many, 0, seeded(index)).length);
  expect(Math.max(...lengths)).toBe(1000);
  expect(Math.min(...lengths)).toBeLessThan(950);
  expect(Math.min(...lengths)).toBeGreaterThan(935);
  const afterMark = Array.from({ length: 200 }, (_, index) => untilTheCut(many, 990, seeded(index)).length);
  expect(Math.min(...afterMark)).toBe(991);
  expect(untilTheCut([], 0, seeded(1))).toEqual([]);
  expect(untilTheCut([write(1)], 0, seeded(1))).toHaveLength(1);
});
