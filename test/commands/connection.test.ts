import { describe, expect, it } from 'vitest';
import { urlSchema } from '../../src/commands/connection.ts';

const accepts = (url: string): boolean => urlSchema().safeParse(url).success;

describe('the project URL', () => {
  it.each([
    'http://localhost:54321',
    'http://127.0.0.1:54321',
    'http://127.9.9.9',
    'http://0x7f.1',
    'http://2130706433',
    'http://10.0.0.1',
    'http://172.31.255.255',
    'http://192.168.1.2',
    'http://169.254.1.1',
    'http://[::1]:54321',
    'http://[fd12:3456::1]',
    'http://[fe80::1]',
    'http://[::ffff:10.0.0.1]',
    'http://kong:8000',
    'http://supabase_kong_app:8000',
    'http://project.local',
    'http://project.internal',
    'http://api.localhost',
  ])('may be plain http on a private host: %s', (url) => {
    expect(accepts(url)).toBe(true);
  });

  it.each([
    'http://10.0.0.1.evil.example',
    'http://127.0.0.1.nip.io',
    'http://192.168.1.2.evil.example',
    'http://172.16.0.1.evil.example',
    'http://169.254.1.1.evil.example',
    'http://172.32.0.1',
    'http://11.0.0.1',
    'http://[2001:db8::1]',
    'http://[::ffff:8.8.8.8]',
    'http://localhost.evil.example',
    'http://evil.example',
    'http://fd12.evil.example',
    'http://internal.evil.example',
  ])('may not be plain http on a public host: %s', (url) => {
    expect(accepts(url)).toBe(false);
  });
});
