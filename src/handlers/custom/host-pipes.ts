/** How the host process writes: the output of handlers, the marks in it, and the reports to the worker. */
import fs from 'node:fs';
import {
  encodeMark,
  NO_REPORT_EXIT_CODE,
  type OutputMark,
  REPORT_FD,
  REQUEST_FD,
  type Report,
  reportStart,
} from './protocol.ts';

/** A full pipe is tried again after this many milliseconds. */
const FULL_PIPE_PAUSE_MS = 2;

// Kept from the start, since a handler may replace any global.
const { fstatSync, writeSync } = fs;
const { stringify } = JSON;
const bytesOf = Buffer.from.bind(Buffer);
const NativePromise = Promise;
const exit = process.exit.bind(process);
const atomicsWait = Atomics.wait;
const never = new Int32Array(new SharedArrayBuffer(4));
const later = setTimeout;
const reportPipe = statOf(REPORT_FD);

/** Whether the worker has opened both pipes. */
export const hasPipes = (): boolean => reportPipe !== null && statOf(REQUEST_FD) !== null;

/** Waits until what the handler wrote is in the pipe, ahead of the mark that ends it. */
export async function flush(stream: NodeJS.WriteStream): Promise<void> {
  while (stream.writableCorked > 0) stream.uncork();
  while (stream.writableLength > 0 && !stream.destroyed) {
    await new NativePromise<unknown>((resolve) => later(resolve, FULL_PIPE_PAUSE_MS));
  }
}

/** Calls a function before each write to an output stream, in the async context of the writer. */
export function beforeEachWrite(stream: NodeJS.WriteStream, before: () => void): void {
  const { _write: pass } = stream;
  stream._write = (...args) => {
    before();
    pass.apply(stream, args);
  };
  // Otherwise chunks that wait for a full pipe would go past it together.
  Object.assign(stream, { _writev: null });
}

/** False when a stream is closed. */
export function mark(run: string, what: OutputMark): boolean {
  const text = encodeMark(run, what);
  const [out, err] = [write(1, text), write(2, text)];
  return out && err;
}

export function report(run: string, message: Report): void {
  const pipe = statOf(REPORT_FD);
  // A handler closed the descriptor, and another file may have its number by now.
  if (pipe !== reportPipe) exit(NO_REPORT_EXIT_CODE);
  if (!write(REPORT_FD, `${reportStart(run)}${stringify(message)}\n`)) exit(NO_REPORT_EXIT_CODE);
}

/** Writes all of a text at once, whatever the handler did to streams and timers. False when the pipe is closed. */
export function write(fd: number, text: string): boolean {
  const bytes = bytesOf(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false;
      atomicsWait(never, 0, 0, FULL_PIPE_PAUSE_MS);
    }
  }
  return true;
}

/** Which open file a descriptor stands for; null when it is closed. */
function statOf(fd: number): string | null {
  try {
    const { dev, ino } = fstatSync(fd);
    return `${dev} ${ino}`;
  } catch {
    return null;
  }
}
