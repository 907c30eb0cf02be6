export { runCommand } from "./commands.ts";
export { addPerson } from "./people.ts";
export { type RunningEnrolment, startEnrolment } from "./run.ts";
