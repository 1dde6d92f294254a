/** The version of this release. A test holds it to package.json. */
export const VERSION = '0.1.0';
