import { cpus, release, totalmem, type } from 'node:os';
import type { Machine } from './result.ts';
import type { BenchStack } from './stack.ts';

export async function machine(stack: BenchStack): Promise<Machine> {
  const [row] = await stack.sql('show server_version');
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    postgres: String(row?.server_version),
    system: `${type()} ${release().split('-')[0]}`,
  };
}
