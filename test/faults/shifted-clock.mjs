// Loaded before a worker to make its clock wrong by CHAOS_CLOCK_HOURS.
const shift = Number(process.env.CHAOS_CLOCK_HOURS) * 3_600_000;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(RealDate.now() + shift);
    else super(...parts);
  }
  static now() {
    return RealDate.now() + shift;
  }
};
