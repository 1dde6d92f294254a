import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../support/repository.ts';

/** The examples tell the worker as much grace as the host that stops it gives. */
const read = (path: string): string => readFileSync(join(ROOT, 'examples', path), 'utf8');
const graceOf = (args: readonly string[]): number => Number(args[args.indexOf('--grace-seconds') + 1]);

describe('the grace of a worker', () => {
  it('is that of compose.yml', () => {
    const { worker } = parse(read('compose.yml')).services;
    expect(`${graceOf(worker.command)}s`).toBe(worker.stop_grace_period);
  });

  it.each(['deployment', 'cronjob'])('is that of kubernetes/%s.yaml', (name) => {
    const { spec } = parse(read(`kubernetes/${name}.yaml`));
    const pod = (spec.jobTemplate?.spec ?? spec).template.spec;
    expect(graceOf(pod.containers[0].args)).toBe(pod.terminationGracePeriodSeconds);
  });

  it('is that of the unit of systemd', () => {
    const unit = read('systemd/cloud-jobs.service');
    const start = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.split(' ') ?? [];
    expect(graceOf(start)).toBe(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]));
  });
});
