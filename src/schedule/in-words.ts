import cronstrue from 'cronstrue';

/**
 * A schedule as people say it: `At 03:30, Monday through Friday (Europe/Berlin)`.
 * Of nicknames, cronstrue knows those in small letters alone.
 * @returns the expression itself where it cannot be put into words
 */
export function scheduleInWords(schedule: string, timezone: string | null): string {
  const zone = timezone ?? 'UTC';
  try {
    return `${cronstrue.toString(schedule.toLowerCase(), { use24HourTimeFormat: true })} (${zone})`;
  } catch {
    // cronstrue throws texts. A schedule that the database holds is valid, so this is for expressions it cannot say.
    return `${schedule} (${zone})`;
  }
}
