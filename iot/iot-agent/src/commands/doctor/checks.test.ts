import { pageBytes } from "@harmony/podman";
import { describe, expect, test } from "vitest";
import { uidOf } from "../machine/accounts.ts";
import { checkProxy, endpointOf, isInsecure, isProxied, registriesOf, whyNotReached } from "./network-checks.ts";
import { checkConnection, checkPasta, checkProblem, checkTrust, checkVersion, checkVolumes } from "./podman-checks.ts";
import { checkClock, checkControllers, checkJournal, checkLowPorts, checkPageSize, checkPower, checkSpace } from "./system-checks.ts";
import { checkConfigFolder, checkGroups, checkLinger, checkSubordinateIds, checkUser } from "./user-checks.ts";

describe("the user", () => {
  const passwd = (uid: number): string => `root:x:0:0::/root:/bin/bash\niot-agent:x:${uid}:${uid}::/home/iot-agent:/bin/bash\n`;
  test.each([
    ["as it should be", passwd(1000), "good", undefined],
    ["with an id of the system's", passwd(990), "bad", "remove that user, then install the agent again"],
    ["absent", "root:x:0:0::/root:/bin/bash\n", "bad", "install the agent again"],
  ])("%s", (_, text, verdict, mend) => {
    expect(checkUser(text)).toMatchObject({ verdict, ...(mend === undefined ? {} : { mend }) });
  });

  test("its id, of that user alone", () => {
    expect(uidOf(passwd(1000), "iot-agent")).toBe(1000);
    expect(uidOf(passwd(1000), "iot")).toBeNull();
  });

  test.each([
    ["/etc/subuid", "iot-agent:100000:65536\n", "good"],
    ["/etc/subuid", "iot-agent:100000:1000\n", "bad"],
    ["/etc/subuid", "other:100000:65536\n", "bad"],
    ["/etc/subgid", null, "bad"],
  ])("%s with %j", (file, text, verdict) => {
    const finding = checkSubordinateIds(file, text);
    expect(finding).toMatchObject({ verdict, check: file.slice(5) });
    if (verdict === "bad") expect(finding.mend).toContain(file === "/etc/subuid" ? "--add-subuids" : "--add-subgids");
  });

  test("ids are given after those of all other users, and several ranges count together", () => {
    const others = "ana:100000:65536\nben:165536:65536\niot-agent:300000:10\n";
    expect(checkSubordinateIds("/etc/subuid", others).mend).toMatch(/^sudo usermod --add-subuids 300010-365545 iot-agent && /);
    expect(checkSubordinateIds("/etc/subuid", `${others}iot-agent:300010:65536\n`).verdict).toBe("good");
  });

  test.each([
    [{ uid: 0, mode: 0o40750 }, "good"],
    [{ uid: 1000, mode: 0o40750 }, "bad"],
    [{ uid: 0, mode: 0o40770 }, "bad"],
    [null, "warning"],
  ] as const)("whose the configuration is: %j", (found, verdict) => {
    expect(checkConfigFolder("/etc/iot-agent", found).verdict).toBe(verdict);
  });

  test("lingering", () => {
    expect(checkLinger(true).verdict).toBe("good");
    expect(checkLinger(false)).toMatchObject({ verdict: "bad", mend: "sudo loginctl enable-linger iot-agent" });
  });

  test.each([
    ["dialout:x:20:iot-agent\ngpio:x:99:iot-agent,pi\n", "good", undefined],
    ["dialout:x:20:\ni2c:x:98:pi\n", "warning", "sudo usermod -aG dialout,i2c iot-agent, then reboot"],
    ["users:x:100:\n", "good", undefined],
  ])("groups %j", (groups, verdict, mend) => {
    expect(checkGroups(groups)).toMatchObject({ verdict, ...(mend === undefined ? {} : { mend }) });
  });
});

describe("controllers", () => {
  const all = "cpuset cpu io memory pids";
  test.each([
    ["all of them", { kernel: all, user: all, isRaspberryPi: true }, "good", ""],
    ["the user's manager cannot be read", { kernel: all, user: null, isRaspberryPi: true }, "good", ""],
    [
      "as Raspberry Pi OS has it",
      { kernel: "cpuset cpu io pids", user: "cpu pids", isRaspberryPi: true },
      "warning",
      "/boot/firmware/cmdline.txt",
    ],
    ["of another board", { kernel: "cpuset cpu io pids", user: "cpu pids", isRaspberryPi: false }, "warning", "cgroup_enable=memory"],
    ["not delegated", { kernel: all, user: "memory pids", isRaspberryPi: false }, "warning", "Delegate=cpu cpuset io memory pids"],
    ["cgroup v1", { kernel: null, user: null, isRaspberryPi: false }, "bad", "unified_cgroup_hierarchy"],
  ] as const)("%s", (_, controllers, verdict, mend) => {
    const finding = checkControllers(controllers);
    expect(finding.verdict).toBe(verdict);
    expect(finding.mend ?? "").toContain(mend);
  });
});

describe("the machine", () => {
  test.each([
    [{ synchronized: "yes", timesyncMark: false }, "good"],
    [{ synchronized: null, timesyncMark: true }, "good"],
    [{ synchronized: "no", timesyncMark: false }, "warning"],
    [{ synchronized: null, timesyncMark: false }, "warning"],
  ])("clock %j", (clock, verdict) => {
    expect(checkClock(clock).verdict).toBe(verdict);
  });

  const space = { freeBytes: 20e9, sizeBytes: 30e9, freeInodes: 900, inodes: 1_000 };
  test.each([
    ["plenty", space, "good"],
    ["under a gigabyte", { ...space, freeBytes: 900e6 }, "warning"],
    ["nothing to speak of", { ...space, freeBytes: 100e6 }, "bad"],
    ["no inodes", { ...space, freeInodes: 10 }, "bad"],
    ["a file system without inodes", { ...space, inodes: 0, freeInodes: 0 }, "good"],
    ["not to be looked at", null, "warning"],
  ] as const)("disk: %s", (_, found, verdict) => {
    expect(checkSpace("images", "/home", found).verdict).toBe(verdict);
  });

  test.each([
    ["no Raspberry Pi", null, undefined],
    ["all well", "throttled=0x0\n", "good"],
    ["undervoltage now", "throttled=0x50005\n", "bad"],
    ["undervoltage since the boot", "throttled=0x10000\n", "warning"],
    ["too hot now", "throttled=0x4\n", "warning"],
    ["something else", "error=1\n", undefined],
  ])("power: %s", (_, text, verdict) => {
    expect(checkPower(text)?.verdict).toBe(verdict);
  });

  test.each([
    [4096, true, "good", undefined],
    [16384, true, "warning", /kernel=kernel8\.img/],
    [65536, false, "warning", /a kernel with pages of 4 KiB/],
  ] as const)("pages of %i bytes, on a Raspberry Pi: %s", (bytes, isRaspberryPi, verdict, mend) => {
    const [finding] = checkPageSize(bytes, isRaspberryPi);
    expect(finding?.verdict).toBe(verdict);
    if (mend !== undefined) expect(finding?.mend).toMatch(mend);
  });

  test("the size of pages that this kernel says is one that there is", async () => {
    expect([4096, 16384, 65536]).toContain(await pageBytes());
  });

  test("the sentence of status", () => {
    expect(checkConnection(undefined)).toEqual([]);
    expect(checkConnection({ state: "connected", message: "connected to NATS at n" })).toMatchObject([{ verdict: "good" }]);
    const message = "cannot connect to NATS at n: this machine's network is down (eth0 has no carrier); plug in the cable";
    expect(checkConnection({ state: "disconnected", message })).toEqual([
      { check: "status", verdict: "bad", says: message.split(";")[0], mend: "plug in the cable" },
    ]);
  });

  test("journal and low ports", () => {
    expect(checkJournal(true).verdict).toBe("good");
    expect(checkJournal(false).mend).toContain("Storage=persistent");
    expect(checkLowPorts("80\n").verdict).toBe("good");
    expect(checkLowPorts("1024\n").mend).toContain("ip_unprivileged_port_start=80");
  });
});

describe("Podman", () => {
  test.each([
    [undefined, []],
    [{ reason: "TopologyUnavailable", message: "cannot see what runs" }, ["bad"]],
    [{ reason: "StateNotSaved", message: "cannot be kept" }, ["bad"]],
    [{ reason: "NoManifest", message: "no operator has written one" }, ["warning"]],
  ])("a problem that the agent has, %j", (problem, verdicts) => {
    expect(checkProblem(problem).map(({ verdict }) => verdict)).toEqual(verdicts);
  });

  test.each([
    ["4.3.1", "bad"],
    ["4.8.3", "bad"],
    ["4.9.3", "good"],
    ["5.4.2", "good"],
    ["3.9.9", "bad"],
  ])("version %s", (version, verdict) => {
    expect(checkVersion(version).verdict).toBe(verdict);
  });

  test.each([
    [null, []],
    [0, ["good"]],
    [2, ["warning"]],
  ])("%s volumes left over", (left, verdicts) => {
    expect(checkVolumes(left).map(({ verdict }) => verdict)).toEqual(verdicts);
  });

  test("what is not trusted is said with the agent's own sentence", () => {
    const said = (reason: string) => ({ reason, message: `because of ${reason}` });
    const found = checkTrust({ a: said("RegistryUntrusted"), b: said("Running"), c: said("ImageNotTrusted") });
    expect(found.map(({ check, verdict, says }) => [check, verdict, says])).toEqual([
      ["trust (a)", "bad", "because of RegistryUntrusted"],
      ["trust (c)", "bad", "because of ImageNotTrusted"],
    ]);
  });

  const prepared = '[network]\npasta_options = ["-a", "10.0.2.0", "-n", "24", "-g", "10.0.2.2"]\n';
  test.each([
    ["slirp4netns", { network: "slirp4netns", files: [] }, "good"],
    ["pasta, prepared", { network: "pasta", files: ["", prepared] }, "good"],
    ["pasta, commented out", { network: "pasta", files: [`# ${prepared.replace("\n", "\n# ")}`] }, "warning"],
    ["pasta as it comes", { network: "pasta", files: ["[network]\n"] }, "warning"],
    ["files that cannot be read", { network: "pasta", files: null }, "warning"],
  ])("network: %s", (_, options, verdict) => {
    expect(checkPasta(options).verdict).toBe(verdict);
  });
});

describe("the way out", () => {
  test.each([
    [200, true],
    [401, true],
    [503, false],
    [Object.assign(new Error("unable to get local issuer certificate"), { code: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" }), true],
    [Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }), true],
    [Object.assign(new Error("certificate has expired"), { code: "CERT_HAS_EXPIRED" }), false],
    [Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }), false],
  ])("a registry that answers %s is reached: %s", (answer, isReached) => {
    expect(whyNotReached(answer) === null).toBe(isReached);
  });

  test.each([
    ["nats://central:4222", { host: "central", port: 4222 }],
    ["central", { host: "central", port: 4222 }],
    ["tls://central.plant:4443", { host: "central.plant", port: 4443 }],
    ["nats://[fd00::1]:4333", { host: "fd00::1", port: 4333 }],
    ["10.0.0.1:5222", { host: "10.0.0.1", port: 5222 }],
  ])("%s", (url, endpoint) => {
    expect(endpointOf(url)).toEqual(endpoint);
  });

  test("a proxy is named, without its password", () => {
    expect(checkProxy(["PATH=/bin", "# https_proxy=x"]).verdict).toBe("good");
    const finding = checkProxy(["PATH=/bin", 'LANG=C\nexport HTTPS_PROXY="http://ana:hunter2@proxy:3128"\n']);
    expect(finding).toMatchObject({ verdict: "warning" });
    expect(finding.says).toContain("HTTPS_PROXY=http://[redacted]@proxy:3128");
  });

  const proxy = "HTTPS_PROXY=http://proxy:3128";
  test.each([
    ["without a proxy", ["NO_PROXY=other"], false],
    ["with one", [proxy, ""], true],
    ["not named in NO_PROXY", [proxy, "NO_PROXY=other.plant"], true],
    ["named in it", [`${proxy}\nNO_PROXY=other.plant, registry.plant`, ""], false],
    ["named in /etc/environment", ["PATH=/bin", `${proxy}\nno_proxy="registry.plant"  # ours\n`], false],
    ["named where the other spelling goes first", [`${proxy}\nno_proxy=registry.plant\nNO_PROXY=other.plant`], true],
    ["named where that is empty", [`${proxy}\nNO_PROXY=\nno_proxy=registry.plant`], false],
  ])("a registry %s", (_, environments, proxied) => {
    expect(isProxied("registry.plant:5000", environments)).toBe(proxied);
  });

  test("Docker Hub is asked under another name than its images bear", () => {
    expect(isProxied("docker.io", [`${proxy}\nNO_PROXY=registry-1.docker.io`])).toBe(false);
  });

  test("the registries of images, once each", () => {
    const images = ["nginx:alpine", "docker.io/library/redis:7", "localhost/hello:1", "registry.plant:5000/a/b", "ghcr.io/x/y@sha256:00"];
    expect(registriesOf(images)).toEqual(["docker.io", "ghcr.io", "registry.plant:5000"]);
  });

  test("which of them have no TLS", () => {
    const files = ["unreadable = [", '[[registry]]\nlocation = "registry.plant:5000/team"\ninsecure = true\n'];
    expect(isInsecure("registry.plant:5000", files)).toBe(true);
    expect(isInsecure("ghcr.io", files)).toBe(false);
  });
});
