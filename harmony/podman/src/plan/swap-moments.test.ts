// The planner holds the list of moments: the list has each step that it plans, in its order, and
// nothing else.

import { expect, test } from "vitest";
import { applyStep, type Fates, pass } from "../../test/model-world.ts";
import { container, desired, proved, snapshot } from "../../test/scene.ts";
import { plan } from "./planner.ts";
import type { Step } from "../model/step.ts";
import { rollBackMoments, type SwapMoment, swapMoments } from "./swap-moments.ts";

const web = (image: string) => ({ services: [{ name: "web", image, ports: ["8080:80"] }] });

function stepsUntilDone(fates: Fates): Step[] {
  const want = desired(web("x:2"));
  let now = snapshot({ ...proved(web("x:1")), images: ["x:1", "x:2"], containers: [container("web", web("x:1"))] });
  const done: Step[] = [];
  for (let passes = 0; passes < 10; passes += 1) {
    const { steps } = plan(want, now);
    done.push(...steps);
    now = pass(steps.reduce(applyStep, now), fates);
  }
  return done;
}

function asMoment(step: Step): Pick<SwapMoment, "step" | "request"> {
  const request = (method: "POST" | "DELETE", path: string) => ({ step: step.kind, request: { method, path: `/containers/${path}` } });
  switch (step.kind) {
    case "create":
      return request("POST", "create");
    case "stop":
    case "start":
    case "rename":
      return request("POST", `${step.container}/${step.kind}`);
    case "remove":
      return request("DELETE", step.container);
    default:
      return { step: step.kind, request: null };
  }
}

test("of a swap", () => {
  const moments = swapMoments("app", "web").map(({ step, request }) => ({ step, request }));
  expect(stepsUntilDone({}).map(asMoment)).toEqual(moments);
});

test("of the way back", () => {
  const begun = swapMoments("app", "web").slice(0, 6);
  const moments = [...begun, ...rollBackMoments("app", "web")].map(({ step, request }) => ({ step, request }));
  expect(stepsUntilDone({ "x:2": "is restarted" }).map(asMoment)).toEqual(moments);
});
