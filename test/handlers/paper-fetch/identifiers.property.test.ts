import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseDoi, parseArxivId } from '../../../src/handlers/paper-fetch/identifiers.ts';

describe('parseArxivId', () => {
  it.each([
    ['http://arxiv.org/abs/2202.12139v1', '2202.12139', 1],
    ['https://arxiv.org/pdf/2202.12139v12.pdf', '2202.12139', 12],
    ['oai:arXiv.org:2508.13426v1', '2508.13426', 1],
    ['arXiv:0704.0001', '0704.0001', null],
    ['https://doi.org/10.48550/arXiv.1706.03762', '1706.03762', null],
    ['http://arxiv.org/abs/hep-th/9901001v1', 'hep-th/9901001', 1],
    ['astro-ph/0601001v1', 'astro-ph/0601001', 1],
    ['math.GT/0309136', 'math/0309136', null],
    ['http://export.arxiv.org/abs/cond-mat.mes-hall/0309136v3', 'cond-mat/0309136', 3],
  ])('reads %s', (text, id, version) => {
    expect(parseArxivId(text)).toEqual({ id, version });
  });

  it.each([
    '',
    '9901001v1',
    '2202.121',
    '10.1109/ICSTW.2022.00035',
    'https://arxiv.org/api/errors#bad',
    'W123',
  ])('finds none in %j', (text) => expect(parseArxivId(text)).toBeNull());

  const newStyle = fc
    .tuple(fc.integer({ min: 0, max: 9999 }), fc.integer({ min: 0, max: 99_999 }))
    .map(([month, number]) => `${String(month).padStart(4, '0')}.${String(number).padStart(5, '0')}`);
  const oldStyle = fc
    .tuple(
      fc.constantFrom('hep-th', 'math', 'cs', 'astro-ph', 'cond-mat'),
      fc.integer({ min: 0, max: 9_999_999 }),
    )
    .map(([archive, number]) => `${archive}/${String(number).padStart(7, '0')}`);
  const wrap = fc.constantFrom<(id: string) => string>(
    (id) => id,
    (id) => `http://arxiv.org/abs/${id}`,
    (id) => `https://www.arxiv.org/pdf/${id}`,
    (id) => `arXiv:${id}`,
    (id) => `oai:arXiv.org:${id}`,
    (id) => ` ${id}\n`,
  );

  it('gives the same id for every form and version of a paper', () => {
    fc.assert(
      fc.property(
        fc.oneof(newStyle, oldStyle),
        fc.option(fc.integer({ min: 1, max: 9999 })),
        wrap,
        (id, version, form) => {
          const parsed = parseArxivId(form(version === null ? id : `${id}v${version}`));
          expect(parsed).toEqual({ id, version });
          expect(parseArxivId(parsed?.id ?? '')?.id).toBe(id);
        },
      ),
    );
  });
});

describe('normaliseDoi', () => {
  it.each([
    ['https://doi.org/10.1109/ICSTW55395.2022.00035', '10.1109/icstw55395.2022.00035'],
    ['doi: 10.5555/A.B', '10.5555/a.b'],
    ['10.5555/first 10.5555/second', '10.5555/first'],
    ['10.48550/arXiv.1706.03762', null],
    ['not a doi', null],
    ['', null],
    [undefined, null],
  ])('reads %j as %j', (text, doi) => {
    expect(normaliseDoi(text)).toBe(doi);
  });
});
