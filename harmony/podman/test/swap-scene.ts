// One deployment `app` in the course of a swap from x:1 to x:2: its Scores, its containers under
// each of their names, its records, and the steps of a whole swap and of the whole way back, for
// the tables of both.

import { container, NOW_MS, proved, trial, version } from "./scene.ts";
import type { Container } from "../src/model/snapshot.ts";

export const web = (image: string, more: object = {}) => ({ services: [{ name: "web", image, ports: ["8080:80"], ...more }] });
export const pair = (image: string, more: object = {}) => ({
  services: [
    { name: "web", image, ports: ["8080:80"], ...more },
    { name: "db", image: "db:1", volumes: ["data:/data"] },
  ],
});
export const v1 = web("x:1");
export const v2 = web("x:2");
export const swap = [
  "create app_web.next",
  "journal: a new version is on trial",
  "stop app_web 300s",
  "start app_web.next",
  "rename app_web app_web.old",
  "rename app_web.next app_web",
];
export const pass = ["journal: the version is good", "remove app_web.old"];
export const back = ["stop app_web 300s", "remove app_web", "start app_web.old", "rename app_web.old app_web"];

export const good = proved(v1);
export const tried = proved(v1, { trial: trial(v2) });
export const longTried = proved(v1, { trial: trial(v2, { startedAt: new Date(NOW_MS - 800_000).toISOString() }) });
export const condemned = proved(v1, {
  verdict: { of: version(v2, "2"), at: new Date(NOW_MS - 1_000).toISOString(), reason: "Exited", message: "x:2 failed" },
});
export const stopped: Partial<Container> = { state: "exited", stoppedByUser: true, exitCode: 143 };
export const running = container("web", v1);
export const aside = container("web", v1, stopped);
export const old = container("web", v1, { ...stopped, name: "app_web.old" });
export const next = (more: Partial<Container> = {}) => container("web", v2, { name: "app_web.next", ...more });
export const created = next({ state: "created", startedAtMs: null });
export const taken = (more: Partial<Container> = {}) => container("web", v2, { startedAtMs: NOW_MS - 9_000, ...more });
