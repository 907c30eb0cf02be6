// Sessions, for who opens one or answers one: loaded when the first question comes.

export { type Ended, type Incoming, SessionEnd, SessionEnded } from "./session-end.ts";
export { FRAME_DATA_BYTES } from "./frame.ts";
export { SessionTable } from "./session-table.ts";
