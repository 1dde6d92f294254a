import type { JobVerb } from '../queue/queue.ts';
import type {
  ApplyReply,
  BacklogReply,
  ListReply,
  PeekReply,
  ShowReply,
  StatsReply,
  VerbReply,
} from '../queue/replies.ts';
import type { RunReport } from '../worker/report.ts';

/** One thing that doctor looked at. */
export interface Check {
  readonly name: string;
  readonly state: 'good' | 'warning' | 'bad';
  readonly found: string;
  /** Empty where there is nothing to do. */
  readonly advice: string;
}

/** What a command found or did. The doors turn it into a summary, outputs, a table or JSON. */
export type Answer =
  | {
      readonly command: 'run';
      readonly report: RunReport;
      /** What is wrong around the run: ticks that come late, a long silence, a schedule about to be switched off. */
      readonly warnings?: readonly string[];
    }
  | {
      readonly command: 'plan';
      readonly reply: BacklogReply;
      /** Workers worth starting. */
      readonly workers: number;
      /** Ticks that come late, and a long silence. */
      readonly warnings: readonly string[];
    }
  | { readonly command: 'dry-run'; readonly peek: PeekReply }
  | { readonly command: 'create'; readonly jobId: string; readonly name: string; readonly created: boolean }
  | { readonly command: 'apply'; readonly source: string; readonly reply: ApplyReply }
  | { readonly command: 'list'; readonly reply: ListReply }
  | { readonly command: 'show'; readonly reply: ShowReply }
  | { readonly command: 'stats'; readonly reply: StatsReply }
  | { readonly command: 'verb'; readonly verb: JobVerb; readonly reply: VerbReply }
  | { readonly command: 'doctor'; readonly checks: readonly Check[] };

/** Something that the user asked for cannot be done; the message says why and what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
