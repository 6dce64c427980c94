// HOST:PORT as configuration keys and flags write it: 127.0.0.1:8080, [fd00::1]:2055, example.net:80.

const PORT = '(6553[0-5]|655[0-2]\\d|65[0-4]\\d{2}|6[0-4]\\d{3}|[1-5]?\\d{1,4})';

/** A regular expression without anchors. The host has no comma, so that addresses can stand in a list. */
export const HOST_PORT_PATTERN = `(\\[[0-9a-fA-F:]+\\]|[^:,]+):${PORT}`;

/** What such a text is, for people. */
export const HOST_PORT_EXPECTED = 'HOST:PORT, as 127.0.0.1:8080 or [::1]:8080, with a port up to 65535';

export function parseHostPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}
