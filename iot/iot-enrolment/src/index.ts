export { addPerson } from "./people.ts";
export { type RunningEnrolment, startEnrolment } from "./run.ts";
