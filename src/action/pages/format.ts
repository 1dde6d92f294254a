export * from '../../commands/format.ts';
