/** The folder for the files of running jobs, on a machine that several users share. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openScratch } from '../../src/hosts/create-worker.ts';

let temp: string;
beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), 'scratch-test-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(temp, { recursive: true });
});

const own = () => join(temp, `cloud-jobs-${process.getuid?.()}`);

describe.skipIf(process.getuid === undefined)('openScratch', () => {
  it('makes a folder for this user, and takes it again', () => {
    expect(openScratch(temp)).toBe(own());
    expect(openScratch(temp)).toBe(own());
  });

  it('takes no folder of its name that belongs to another user', () => {
    const me = process.getuid?.() ?? 0;
    vi.spyOn(process as { getuid(): number }, 'getuid').mockReturnValue(me + 1);
    // Of the user who runs the test, and named like that of the next one.
    mkdirSync(join(temp, `cloud-jobs-${me + 1}`));
    expectAnother(openScratch(temp));
  });

  it('takes no file and no link of its name', () => {
    writeFileSync(own(), '');
    expectAnother(openScratch(temp));
    rmSync(own());
    symlinkSync(mkdtempSync(join(temp, 'elsewhere-')), own());
    expectAnother(openScratch(temp));
  });

  it.skipIf(process.getuid?.() === 0)('takes no folder that it cannot write to (not as root)', () => {
    mkdirSync(own());
    chmodSync(own(), 0o500);
    expectAnother(openScratch(temp));
  });
});

function expectAnother(folder: string): void {
  expect(folder).toMatch(/\/cloud-jobs-\w+$/);
  expect(folder).not.toBe(own());
  writeFileSync(join(folder, 'file'), '');
}
