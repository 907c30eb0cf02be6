// Times and durations in a sentence. Times are by the device's own clock, in its own time zone,
// which is named: the person beside it may look at a watch, and another who reads the same sentence
// from afar may be in another zone.

const NO_TIME = "an unknown time";

/** Formats an RFC 3339 time: `12:31:05 UTC+2`. */
export function timeOfDay(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return NO_TIME;
  return `${date.toTimeString().slice(0, 8)} ${zoneOf(date)}`;
}

/** The same to a minute: `12:31 UTC+2`. */
export function minuteOfDay(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return NO_TIME;
  return `${date.toTimeString().slice(0, 5)} ${zoneOf(date)}`;
}

/**
 * With its day: `2026-06-01 12:31:05 UTC+2`. What is no time, as a damaged file may say, is given
 * as that.
 */
export function localTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? NO_TIME : `${localDay(date)} ${timeOfDay(date.toISOString())}`;
}

export function localDay(date: Date): string {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

/** `UTC`, `UTC+2`, `UTC-3:30`. */
function zoneOf(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  if (minutes === 0) return "UTC";
  return `UTC${minutes < 0 ? "-" : "+"}${hours}${rest === 0 ? "" : `:${String(rest).padStart(2, "0")}`}`;
}

/** `45 s`, `3 min`, `2 h`. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} s`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}
