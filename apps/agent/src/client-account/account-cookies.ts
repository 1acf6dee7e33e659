import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SESSION_LASTS_S } from './account-sessions.js';
import type { AccountHost } from './account-hosts.js';
import { LOGIN_LASTS_S } from './login-cookie.js';

type Kind = 'login' | 'session';
const lasts: Readonly<Record<Kind, number>> = { login: LOGIN_LASTS_S, session: SESSION_LASTS_S };

/**
 * Cookies that no script reads, no other site sends with a form, and (`__Host-`, RFC 6265bis §4.1.3) no neighbouring host
 * sets. Lax and not Strict: the browser comes back from another site, the identification service.
 */
const nameOf = ({ agency, settings }: AccountHost, kind: Kind): string =>
  `${isHttps(settings.redirectUri) ? '__Host-' : ''}account-${kind}-${agency.id}`;

const isHttps = (url: string): boolean => new URL(url).protocol === 'https:';

const written = (host: AccountHost, kind: Kind, value: string, maxAge: number): string =>
  stringifySetCookie({
    name: nameOf(host, kind),
    value,
    maxAge,
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: isHttps(host.settings.redirectUri),
  });

export const readCookie = (request: FastifyRequest, host: AccountHost, kind: Kind): string | undefined =>
  parseCookie(request.headers.cookie ?? '')[nameOf(host, kind)];

export const giveCookie = (reply: FastifyReply, host: AccountHost, kind: Kind, value: string): void => {
  void reply.header('set-cookie', written(host, kind, value, lasts[kind]));
};

export const takeCookie = (reply: FastifyReply, host: AccountHost, kind: Kind): void => {
  void reply.header('set-cookie', written(host, kind, '', 0));
};
