export {
  conditionsOf,
  type ConditionsInput,
  type Counted,
  countDevices,
  type ConditionState,
  type DeploymentConditions,
  type DeviceView,
  PROGRESS_DEADLINE_SECONDS,
} from "./aggregate.ts";
export { type DeploymentRow, type DeviceRow, type Fleet, judgeFleet, type Standing } from "./judge-fleet.ts";
export { classOfPhase, type PhaseClass } from "./phase-class.ts";
