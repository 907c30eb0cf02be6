// A step as a person reads it: in what failed, and in what is planned.

import type { Step } from "./step.ts";

export function doing(step: Step): string {
  switch (step.kind) {
    case "pull":
      return `pulling image "${step.image}"`;
    case "createNetwork":
    case "removeNetwork":
      return `${step.kind === "createNetwork" ? "creating" : "removing"} network "${step.network}"`;
    case "createVolume":
      return `creating volume "${step.volume}"`;
    case "create":
      return `creating container "${step.container}"`;
    case "start":
    case "revive":
      return `starting container "${step.container}"`;
    case "unpause":
      return `resuming container "${step.container}"`;
    case "stop":
      return `stopping container "${step.container}"`;
    case "rename":
      return `renaming container "${step.container}"`;
    case "remove":
      return `removing container "${step.container}"`;
  }
}
