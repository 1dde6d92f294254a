import { describe, expect, expectTypeOf, it, test } from 'vitest';
import * as z from 'zod';
import {
  defineHandler,
  type HandlerReturn,
  type Job,
  type JobConfig,
  type JobContext,
  type JobHandler,
  type JsonValue,
  type SchemaOutput,
  type StandardSchema,
} from '../../../src/index.ts';
import type { ClaimedJob } from '../../../src/queue/job.ts';
import type { Json } from '../../../src/queue/types.ts';
import { openHandlers } from './harness.ts';

describe('types of handlers (checked by tsc)', () => {
  test('config has the type that the schema gives out', () => {
    const schema = z.object({ city: z.string(), days: z.coerce.number().default(7) });
    const handler = defineHandler({
      config: schema,
      run: async (config, context) => {
        expectTypeOf(config).toEqualTypeOf<{ city: string; days: number }>();
        expectTypeOf(context).toEqualTypeOf<JobContext>();
        return { city: config.city };
      },
    });
    expectTypeOf<SchemaOutput<typeof schema>>().toEqualTypeOf<z.output<typeof schema>>();
    expectTypeOf(schema).toExtend<StandardSchema>();
    expect(handler.config).toBe(schema);
  });

  test('without a schema it is any JSON object', () => {
    defineHandler({
      run: (config) => {
        expectTypeOf(config).toEqualTypeOf<JobConfig>();
        expectTypeOf(config.anything).toEqualTypeOf<JsonValue | undefined>();
      },
    });
  });

  test('results are a closed set', () => {
    defineHandler({ run: (_, context) => context.snooze({ minutes: 5 }) });
    defineHandler({ run: async (_, context) => context.discard('no') });
    defineHandler({ run: () => {} });
    defineHandler({ run: async () => ({ a: [1, 'x', null], gone: undefined }) });
    // @ts-expect-error a Date is no result
    defineHandler({ run: () => new Date() });
    // @ts-expect-error nor is a Map deep inside
    defineHandler({ run: async () => ({ a: [new Map()] }) });
    // @ts-expect-error nor a BigInt
    defineHandler({ run: () => 1n });
    // @ts-expect-error minutes are needed
    defineHandler({ run: (_, context) => context.snooze({}) });
    expectTypeOf<{ readonly snooze: 5 }>().not.toExtend<ReturnType<JobContext['snooze']>>();
    expectTypeOf<Json>().toExtend<HandlerReturn>();
  });

  test('the plain form', () => {
    const run: JobHandler<{ city: string }> = async (config, { progress, log, signal }) => {
      progress(1, 2, 'half');
      log.info(config.city);
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
    };
    expectTypeOf(run).parameter(0).toEqualTypeOf<{ city: string }>();
  });

  test('the published job is the claimed job', () => {
    expectTypeOf<ClaimedJob>().toExtend<Job>();
    expectTypeOf<keyof Job>().toEqualTypeOf<keyof ClaimedJob>();
  });

  test('the function gives its argument back', () => {
    const definition = { run: () => 1 };
    expect(defineHandler(definition)).toBe(definition);
  });
});

describe('retry of defineHandler', () => {
  const failing = (retry: string) => ({
    'it.mjs': `import { defineHandler } from 'cloud-jobs';
      export default defineHandler({ retry: ${retry}, run: () => { throw new Error('down') } });`,
  });

  it.each([
    ['{ delaySeconds: 30 }', [30, 30, 30]],
    ['{ delaySeconds: 60, factor: 3 }', [60, 180, 540]],
    ['{ delaySeconds: 50000, factor: 10 }', [50_000, 86_400, 86_400]],
    ['{ delaySeconds: 100000, factor: 2 }', [100_000, 100_000, 100_000]],
    ['{ delaySeconds: 0 }', [0, 0, 0]],
  ])('%s: asks for these delays, attempt by attempt', async (retry, delays) => {
    const { run } = openHandlers(failing(retry));
    const asked: unknown[] = [];
    for (const attempt of [1, 2, 3]) {
      const { outcome } = await run({ handler: 'it' }, { attempt });
      asked.push('retryInSeconds' in outcome ? outcome.retryInSeconds : outcome);
    }
    expect(asked).toEqual(delays);
  });

  it.each(['{}', '5', '{ delaySeconds: -1 }', '{ delaySeconds: 1, factor: 0.5 }', '{ delaySeconds: "5" }'])(
    '%s: is refused',
    async (retry) => {
      const { run } = openHandlers(failing(retry));
      expect((await run({ handler: 'it' })).outcome).toMatchObject({
        message: expect.stringMatching(/`retry` of the handler "it\.mjs" must be/),
      });
    },
  );
});
