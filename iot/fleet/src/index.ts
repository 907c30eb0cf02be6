export {
  conditionsOf,
  type ConditionsInput,
  type Counted,
  countedStatus,
  type CountedStatus,
  countDevices,
  type ConditionState,
  type DeploymentConditions,
  type DeviceView,
  type DeviceState,
  PROGRESS_DEADLINE_SECONDS,
  stateOf,
} from "./aggregate.ts";
export { BootsHeard, type IdInUse } from "./boots-heard.ts";
export { DeploymentTally } from "./deployment-tally.ts";
export {
  type DeploymentRow,
  type DeviceRow,
  type Fleet,
  type HeardStatus,
  judgeDevice,
  type JudgedDevice,
  judgeFleet,
  NATURAL,
  type Standing,
} from "./judge-fleet.ts";
export {
  type DeploymentCounts,
  deploymentCounts,
  DEVICE_CONDITIONS,
  type DeviceConditions,
  deviceConditions,
  type DeviceFacts,
} from "./device-conditions.ts";
export { classOfPhase, type PhaseClass } from "./phase-class.ts";
export { FLEET_REASONS } from "./reasons.ts";
