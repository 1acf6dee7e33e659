import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Dispatcher, request } from 'undici';
import { type Clock, numericDate } from '#kernel';

interface SignedCallTarget {
  /** Where the agency's own system listens. */
  readonly url: string;
  /** File with the secret that both hold. */
  readonly secretFile: string;
}

/**
 * Calls the agency's own system: `Kotovayla-Signature: t=<seconds>,v1=<hex>`, an HMAC-SHA-256 over `<seconds>.<body>` under the
 * secret. Throws where the secret cannot be read or the whole answer is not there in time.
 */
export async function callSigned(
  { url, secretFile }: SignedCallTarget,
  content: object,
  {
    clock,
    timeoutMs,
    dispatcher,
  }: { readonly clock: Clock; readonly timeoutMs: number; readonly dispatcher?: Dispatcher },
): Promise<Dispatcher.ResponseData> {
  const body = JSON.stringify(content);
  const secret = (await readFile(secretFile)).toString('utf8').trim();
  const at = numericDate(clock.now());
  const signature = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
  return request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'kotovayla-signature': `t=${at},v1=${signature}` },
    body,
    signal: AbortSignal.timeout(timeoutMs),
    ...(dispatcher && { dispatcher }),
  });
}
