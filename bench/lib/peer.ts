/**
 * Loads a peer from bench/node_modules. Its types are not taken from there, so that the project type-checks where the
 * peers are not installed.
 */
export async function loadPeer<Module>(name: string): Promise<Module> {
  return (await import(name)) as Module;
}
