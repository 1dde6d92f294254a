export { runStep, type StepResult, startStep } from './runner/step.ts';

/** Resolves when `look` gives something other than undefined or false; fails after `seconds`. */
export async function until<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  seconds = 15,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`Nothing after ${seconds} s: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
