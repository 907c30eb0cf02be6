import { expect, test } from "vitest";
import { parseTable } from "./open-ports.ts";

// The tables are from a device where pasta serves 8080/tcp, rootlessport 8082/tcp and pasta
// 5353/udp.
const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 36115 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F92 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 36120 1 0000000000000000 20 4 30 10 -1
`;
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt
   0: 00000000000000000000000000000000:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000
`;
const UDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  421: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 36117 2 0000000000000000 0
`;

test("what listens, and what is bound, is found; connections are not", () => {
  expect(parseTable(TCP, "tcp")).toEqual(["tcp/8080"]);
  expect(parseTable(TCP6, "tcp")).toEqual(["tcp/8082"]);
  expect(parseTable(UDP, "udp")).toEqual(["udp/5353"]);
  expect(parseTable("", "tcp")).toEqual([]);
});
