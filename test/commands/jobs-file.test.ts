import { describe, expect, it } from 'vitest';
import { readJobsFile } from '../../src/commands/jobs-file.ts';

const readBytes = (bytes: Uint8Array) => readJobsFile(bytes, 'jobs.yml', (value) => value);
const read = (text: string) => readBytes(Buffer.from(text));
/** A file with one job whose config is this. */
const withConfig = (config: string) =>
  read(
    `jobs:\n  a:\n    job-type: custom\n    schedule: "@daily"\n    config:\n      handler: h\n      value: ${config}\n`,
  );
const problemsOf = (text: string): string => {
  try {
    return read(text).problems.join('\n');
  } catch (error) {
    return (error as Error).message;
  }
};

describe('a schedule without quotes', () => {
  it.each([
    ['*/5 * * * *', 'a bare * for the name of something else'],
    ['* * * * *', 'a bare * for the name of something else'],
    ['*daily', 'a bare * for the name of something else'],
    ['@daily', '@ for a sign of its own'],
    ['@hourly # often', '@ for a sign of its own'],
  ])('is reported once, with what to write: %s', (schedule, reason) => {
    const value = schedule.replace(/ #.*/, '');
    expect(problemsOf(`jobs:\n  a:\n    job-type: maintenance\n    schedule: ${schedule}\n`)).toBe(
      `jobs.yml cannot be applied; nothing was changed:\n- line 4: put the value of schedule in quotes, schedule: "${value}": YAML takes ${reason}`,
    );
  });
});

describe('a value that JSON has not', () => {
  it.each([
    ['!!set {x, y}', 'line 7: the tag !!set is not used here'],
    ['!!omap [x: 1]', 'line 7: the tag !!omap is not used here'],
    ['!!pairs [x: 1]', 'line 7: the tag !!pairs is not used here'],
    ['!!binary aGVsbG8=', 'line 7: the tag !!binary is not used here'],
    ['!!timestamp 2001-01-01', 'line 7: the tag !!timestamp is not used here'],
    ['{a: [!!set {x}]}', 'line 7: the tag !!set is not used here'],
    ['!mine x', 'line 7: the tag !mine is not used here'],
    ['!!js/function x', 'line 7: the tag !!js/function is not used here'],
    ['!!int 3.5', 'line 7: the tag !!int does not fit its value'],
    ['!!map [1]', 'line 7: the tag !!map does not fit its value'],
    ['{x: 1, "x": 2}', 'line 7: this name is there twice'],
    ['1\n---\na: 1', 'line 8: a second document begins here'],
    ['01234', 'line 7: 01234 is the number 1234. Put it in quotes, or leave out the 0'],
    ['[-007.5]', 'line 7: -007.5 is the number -7.5. Put it in quotes'],
    ['*nobody', 'line 7: put the value of value in quotes'],
    ['[*nobody]', 'line 7: *nobody has no &nobody before it'],
    ['&a [*a]', 'line 7: '],
    ['.nan', 'its config holds NaN at value, which JSON cannot express'],
    ['{? {x: 1} : 2}', 'line 7: a name must be a text'],
    ['{~: 1}', 'line 7: a name must be a text'],
    ['[: 1]', 'line 7: a name must be a text'],
    ['{null: 1}', 'line 7: a name must be a text'],
    ['{0x10: 1}', 'line 7: a name must be a text'],
    ['{.nan: 1}', 'line 7: a name must be a text'],
    ['{<<: {x: 1}}', 'line 7: YAML 1.2 has no <<: write the fields out'],
    ['{!!merge <<: {x: 1}}', 'line 7: the tag !!merge is not used here'],
  ])('is refused with its line: %s', (config, problem) => {
    expect(() => {
      const { problems } = withConfig(config);
      throw new Error(problems.join('\n'));
    }).toThrow(problem);
  });

  it('is not made of YAML 1.1 either', () => {
    expect(problemsOf('%YAML 1.1\n---\njobs:\n  a: {}\n')).toContain('line 1: it says %YAML 1.1');
  });

  it('is not a name that reads as it is written', () => {
    const { jobs, problems } = withConfig('{404: a, true: b, "~": c, "<<": d, "": e}');
    expect(problems).toEqual([]);
    expect(jobs[0]?.job.config).toMatchObject({
      value: { 404: 'a', true: 'b', '~': 'c', '<<': 'd', '': 'e' },
    });
  });

  it('is not a tag that changes nothing', () => {
    const { jobs, problems } = withConfig('{a: !!str 5, b: !!int "5", c: !!map {}, d: !!seq []}');
    expect(problems).toEqual([]);
    expect(jobs[0]?.job.config).toMatchObject({ value: { a: '5', b: 5, c: {}, d: [] } });
  });
});

describe('a file', () => {
  it.each([
    ['Latin-1', 'latin1', 3],
    ['UTF-16', 'utf16le', 1],
    ['UTF-16 without its mark', 'utf16le', 3],
  ] as const)('in %s is refused with the line', (name, encoding, line) => {
    const text = 'jobs:\n  a:\n    description: Zürich\n';
    const bytes = Buffer.concat([
      name === 'UTF-16' ? Buffer.from([0xff, 0xfe]) : Buffer.alloc(0),
      Buffer.from(text, encoding),
    ]);
    expect(() => readBytes(bytes)).toThrow(`line ${line}: it is not UTF-8`);
  });

  it('may begin with a byte-order mark', () => {
    expect(read('\uFEFFjobs:\n  a: {job-type: maintenance, schedule: "@daily"}\n').jobs).toHaveLength(1);
  });

  it.each(['\n', '\r\n', '\r'])('may end its lines with %j', (end) => {
    const text = ['jobs:', '  a:', '    job-type: maintenance', '    schedule: "@daily"', ''].join(end);
    expect(read(text)).toMatchObject({ jobs: [{ place: 'a (line 2)' }], problems: [] });
  });

  it.each(['"a\\nb"', '" a"', '"a\\t"', '""', '"a\\0"', '"a\\u0085b"'])('has no key such as %s', (key) => {
    const { jobs, problems } = read(`jobs:\n  ${key}: {job-type: maintenance, schedule: "@daily"}\n`);
    expect(jobs).toEqual([]);
    expect(problems[0]).toMatch(/^"[\x20-\x7e\x85]*" \(line 2\): its key is empty, has blanks around it, or/);
  });

  it('is refused with a config written as JSON text, which should be a map', () => {
    expect(withConfig('x').problems).toEqual([]);
    const text = `jobs:\n  a: {job-type: custom, schedule: "@daily", config: '{"handler": "x"}'}\n`;
    expect(read(text).problems).toEqual([
      'a (line 2): its config is a text. Write it as a map, such as config: { handler: report }',
    ]);
  });

  it('may use one anchor as often as it has jobs', () => {
    const text = `jobs:\n  first: {job-type: custom, schedule: "@daily", config: &config {handler: h, list: [1, 2]}}\n${Array.from(
      { length: 150 },
      (_, n) => `  j${n}: {job-type: custom, schedule: "@daily", config: *config}\n`,
    ).join('')}`;
    const found = read(text);
    expect(found.problems).toEqual([]);
    expect(found.jobs.at(-1)?.job.config).toEqual({ handler: 'h', list: [1, 2] });
  });

  it('whose anchors multiply is refused with the line', () => {
    const levels = Array.from({ length: 9 }, (_, n) => `l${n + 1}: &l${n + 1} [${`*l${n},`.repeat(10)}]`);
    expect(problemsOf(`l0: &l0 [1]\n${levels.join('\n')}\njobs: *l9\n`)).toMatch(
      /line \d+: .*more than 500000 values/,
    );
  });

  it('that is nested too deep is refused', () => {
    expect(problemsOf(`jobs: ${'['.repeat(20_000)}`)).toMatch(/nested too deep|line 1/);
  });

  it('with a name that is not a text is refused with the line', () => {
    expect(problemsOf('jobs:\n  ? {x: 1}\n  : {job-type: maintenance}\n')).toContain(
      '- line 2: a name must be a text',
    );
  });

  it('with a merge key is refused with the line', () => {
    const text = 'jobs:\n  a: &a {job-type: maintenance, schedule: "@daily"}\n  b:\n    <<: *a\n';
    expect(problemsOf(text)).toContain('- line 4: YAML 1.2 has no <<: write the fields out');
  });
});

describe('a whole number', () => {
  it.each(['1234567890123456789', '-9007199254740993', '12345678901234567890123456'])(
    'that JavaScript rounds is refused: %s',
    (id) => {
      expect(withConfig(`[{id: ${id}}]`).problems).toEqual([
        `a (line 2): its config holds the number ${id} at value[0].id, which JavaScript cannot keep exactly (beyond 9007199254740991): write it as text`,
      ]);
    },
  );

  it('that is kept exactly is kept', () => {
    const { jobs, problems } = withConfig('{id: 9007199254740991, far: 1e300, half: 0.5, hex: 0x1F}');
    expect(problems).toEqual([]);
    expect(jobs[0]?.job.config).toMatchObject({
      value: { id: 9_007_199_254_740_991, far: 1e300, half: 0.5, hex: 31 },
    });
  });

  it.each(['007', '1.10', '0x10', '1e3', 'True', '2026-01-01', '+5'])(
    'stays what is written where a text is wanted: %s',
    (text) => {
      const { jobs, problems } = read(
        `jobs:\n  a: {job-type: maintenance, schedule: "@daily", name: ${text}, concurrency-key: ${text}}\n`,
      );
      expect(problems).toEqual([]);
      expect(jobs[0]?.job).toMatchObject({ name: text, concurrency_key: text });
    },
  );

  it('is taken for other inputs too', () => {
    const { jobs, problems } = read(
      'jobs:\n  a: {job-type: maintenance, schedule: "@daily", priority: -5, max-retries: 2, retry-delay: 90s, retry-factor: 2}\n',
    );
    expect(problems).toEqual([]);
    expect(jobs[0]?.job).toMatchObject({
      ...{ priority: -5, max_retries: 2 },
      ...{ retry_delay_seconds: 90, retry_factor: 2 },
    });
  });
});
