import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** Addresses that only this machine or its own network reaches. */
const PRIVATE = new BlockList();
for (const [net, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
] as const) {
  PRIVATE.addSubnet(net, prefix, 'ipv4');
}
PRIVATE.addAddress('::1', 'ipv6');
PRIVATE.addSubnet('fc00::', 7, 'ipv6');
PRIVATE.addSubnet('fe80::', 10, 'ipv6');

const PRIVATE_NAME = /^(localhost|[a-z0-9_-]+|.+\.(localhost|local|internal))$/;

/**
 * Whether plain http to a host gives the key to nobody outside: an address of a private network, or a name that is not
 * looked up in public DNS. Names without a dot are those of a container network.
 * @param hostname of a parsed URL, with brackets around an IPv6 address
 */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  if (isIPv4(host)) return PRIVATE.check(host, 'ipv4');
  if (isIPv6(host)) return PRIVATE.check(host, 'ipv6');
  return PRIVATE_NAME.test(host);
}
