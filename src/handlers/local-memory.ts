import type { Wait } from '../queue/step-replies.ts';
import type { Json } from '../queue/types.ts';
import type { JobMemory, WaitAnswer } from './handler.ts';

/** The memory of a job that is run without a database: it lasts as long as the attempt. */
export class LocalMemory implements JobMemory {
  readonly steps: JobMemory['steps'] = [];
  readonly parents: JobMemory['parents'] = [];

  mustPause(): boolean {
    return false;
  }

  async save(_name: string, result: Json): Promise<Json> {
    return result;
  }

  async wait({ seconds }: Wait): Promise<WaitAnswer> {
    return { done: false, result: null, waitSeconds: seconds };
  }
}
