import { parseSetCookie } from 'cookie';

const MOST_REDIRECTS = 12;

/** As far as logging in needs a browser: it keeps cookies by site, follows redirects and sends forms. */
export class Browser {
  private readonly jar = new Map<string, Map<string, string>>();

  constructor(private readonly accept: 'text/html' | 'application/json' = 'text/html') {}

  /** Follows redirects until `stop` says that this address is not to be gone to, or a page comes. */
  async go(url: string, stop: (url: URL) => boolean = () => false): Promise<Response & { readonly at: URL }> {
    let at = new URL(url);
    for (let i = 0; i < MOST_REDIRECTS; i += 1) {
      const response = await this.ask(at, {});
      const location = response.headers.get('location');
      if (location === null) return Object.assign(response, { at });
      at = new URL(location, at);
      if (stop(at)) return Object.assign(response, { at });
    }
    throw new Error('redirected in a circle');
  }

  /** A form's fields as a browser sends them; a redirect is not followed. */
  send(url: string, fields: Readonly<Record<string, string>>): Promise<Response> {
    return this.ask(new URL(url), { method: 'POST', body: new URLSearchParams(fields) });
  }

  /** What it would bring to this site. */
  cookiesOf({ host }: URL): ReadonlyMap<string, string> {
    return this.jar.get(host) ?? new Map<string, string>();
  }

  private async ask(url: URL, request: RequestInit): Promise<Response> {
    const mine = this.jar.get(url.host) ?? new Map<string, string>();
    this.jar.set(url.host, mine);
    const response = await fetch(url, {
      ...request,
      redirect: 'manual',
      headers: { accept: this.accept, cookie: [...mine].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const line of response.headers.getSetCookie()) {
      const { name, value = '', maxAge, expires } = parseSetCookie(line);
      if (maxAge === 0 || (expires !== undefined && expires.getTime() < Date.now())) mine.delete(name);
      else mine.set(name, value);
    }
    return response;
  }
}
