const DAY_MS = 86_400_000;

/**
 * Days that are read beyond `days_back`. arXiv filters by the day of submission, but shows a paper up to 4 days later
 * (submitted before a weekend), so without the overlap a job with `days_back: 1` would never see those.
 * Source: arXiv's availability.md.
 */
export const OVERLAP_DAYS = 4;

/**
 * The most days between the submission of a paper and its appearance: 4 for a weekend, and 4 more if moderators hold it.
 * A complete run has seen every paper that is older than this.
 */
export const LATEST_ARRIVAL_DAYS = 8;

export interface DateWindow {
  readonly from: Date;
  readonly to: Date;
}

/** From midnight UTC `daysBack` + `OVERLAP_DAYS` days ago to the end of today UTC. */
export function fetchWindow(now: Date, daysBack: number): DateWindow {
  const midnight = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  return {
    from: new Date(midnight - (daysBack + OVERLAP_DAYS) * DAY_MS),
    to: new Date(midnight + DAY_MS - 60_000),
  };
}

/** `YYYYMMDDHHMM` in GMT, the form of arXiv's `submittedDate:[… TO …]`. */
export function arxivMinute(date: Date): string {
  return date.toISOString().slice(0, 16).replace(/[-T:]/g, '');
}

/** `YYYY-MM-DD` in UTC. */
export function isoDay(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/**
 * Why arXiv shows nothing new on this day, or null if it shows something. Announcements come at 20:00 US Eastern from
 * Sunday to Thursday, which is shortly after midnight UTC from Monday to Friday.
 */
export function announcementGap(now: Date): string | null {
  const day = now.getUTCDay();
  if (day !== 0 && day !== 6) return null;
  return `today is a ${day === 0 ? 'Sunday' : 'Saturday'} (UTC) and arXiv announces papers from Monday to Friday only`;
}
