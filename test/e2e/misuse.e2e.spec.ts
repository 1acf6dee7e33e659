import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compactDecrypt, CompactEncrypt, type JWK } from 'jose';
import pg from 'pg';
import { Submission, topics } from '#contracts';
import {
  grantEach,
  type Basis,
  generateReceivingKey,
  generateSigningKey,
  importReceivingKey,
  type MessageContext,
  type MessageKind,
  openCapsule,
  type SealedMessage,
} from '#envelope';
import { canonicalJson, type ConsentId, newConsentId, newEventId, newExchangeId, numericDate, sha256 } from '#kernel';
import { KafkaLog } from '#messaging';
import { testStack } from '#testing';
import { runCli } from '../../apps/cli/src/program.js';
import {
  aPseudonym,
  byConsent,
  codeOf,
  hashOf,
  type HubAgency,
  releaseKeyOf,
  type ReleaseResult,
  statute,
} from './hub-agency.js';
import { type RunningHub, startTestHub, until } from './running-hub.js';

/** Design page 2, "Tests that must exist": what is tried against the hub, one case each. */
describe('misuse', () => {
  let hub: RunningHub;
  let municipality: HubAgency;
  let county: HubAgency;
  let employment: HubAgency;
  let kela: HubAgency;
  let log: KafkaLog;

  beforeAll(async () => {
    // Most cases are about one person.
    hub = await startTestHub({ QUOTA_SUBJECT_PER_DAY: '10000' });
    [municipality, county, employment, kela] = await Promise.all([
      hub.agency('K-235'),
      hub.agency('H-03'),
      hub.agency('T-01'),
      hub.agency('L-KELA'),
    ]);
    const { kafkaBrokers } = testStack();
    log = new KafkaLog({ brokers: kafkaBrokers, clientId: 'misuse', topicPrefix: hub.topicPrefix });
    await log.connect();
  }, 120_000);

  afterAll(async () => {
    await log?.disconnect();
    await hub?.stop();
  });

  /** The operator's command line, with the services' own addresses. */
  const operator = async (...args: string[]): Promise<{ code: number; data: Record<string, unknown> }> => {
    const lines: string[] = [];
    const out = (line: string) => void lines.push(line);
    const { DIRECTORY_GRPC, CONSENT_GRPC, EXCHANGE_GRPC, AUDIT_GRPC } = hub.hub.peers;
    const env = {
      KOTOVAYLA_DIRECTORY: DIRECTORY_GRPC,
      KOTOVAYLA_CONSENT: CONSENT_GRPC,
      KOTOVAYLA_EXCHANGE: EXCHANGE_GRPC,
      KOTOVAYLA_AUDIT: AUDIT_GRPC,
    };
    const code = await runCli([...args, '--json'], { env, folder: process.cwd(), out, err: out });
    return { code, data: JSON.parse(lines.join('\n')) as Record<string, unknown> };
  };

  interface Sent {
    readonly context: MessageContext;
    readonly sealed: SealedMessage;
  }

  const sealed = async (
    from: HubAgency,
    to: HubAgency,
    given: Partial<MessageContext> = {},
    kind: MessageKind = 'request',
  ): Promise<Sent> => {
    const context = from.context(to, kind, given);
    return { context, sealed: await from.seal(to, context) };
  };

  /** Posted and in the recipient's mailbox. */
  const delivered = async (...wish: Parameters<typeof sealed>): Promise<Sent> => {
    const sent = await sealed(...wish);
    expect((await wish[0].post(sent.sealed)).status).toBe(202);
    await wish[1].mailUntil(wish[1].message(sent.sealed.manifestHash));
    return sent;
  };

  /** Posted, taken by the edge, and refused later with a signed notice and the log's receipt. */
  const rejected = async (...wish: Parameters<typeof sealed>): Promise<string> => {
    const sent = await sealed(...wish);
    expect((await wish[0].post(sent.sealed)).status).toBe(202);
    return wish[0].told('rejected', sent.context.messageId);
  };

  type Parts = Pick<SealedMessage, 'manifest' | 'capsule' | 'outer'>;

  /** Refused by the edge with problem+json, and told again in the mailbox, signed and with the log's receipt. */
  const refusedAtOnce = async (sender: HubAgency, parts: Parts, messageId: string): Promise<[number, string]> => {
    const { status, body, headers } = await sender.post(parts);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await sender.told('rejected', messageId)).toBe(body.code);
    return [status, body.code ?? ''];
  };

  const consented = (given: Parameters<HubAgency['recordConsent']>[1] = {}): Promise<ConsentId> =>
    municipality.recordConsent({ disclosers: [county.id] }, given);

  const resting = (id: ConsentId, version = 1, categories = [12]): { categories: number[]; basis: Basis[] } => ({
    categories,
    basis: [byConsent(categories, id, version)],
  });

  /** Whoever can write to the topic, without any gateway. */
  const forged = (...submissions: readonly (Parts & { agency: string })[]): Promise<void> =>
    log.publish(
      topics.submissions,
      submissions.map(({ agency, manifest, capsule, outer }) => ({
        key: newExchangeId(),
        value: Submission.encode({
          submissionId: newEventId(),
          agency,
          manifest,
          capsule,
          outer,
          receivedAt: new Date(),
        }).finish(),
      })),
    );

  const asAdministrator = async (sql: string): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString: hub.databaseUrl });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };

  /** Kinds without a gate carry neither categories nor basis. */
  const gateless = { categories: [], basis: [] };

  const passed = (at: string): Promise<void> => until(async () => Date.now() > Date.parse(at));
  const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();

  describe('with what is sealed', () => {
    it('the hub opens the inside with its own keys', async () => {
      const { sealed: message } = await sealed(municipality, county);
      const folder = hub.stack.folder.within('keys', 'release');
      const files = readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, 'utf8'));
      const keys = await Promise.all(
        files.map((text) => importReceivingKey((JSON.parse(text) as { privateJwk: JWK }).privateJwk)),
      );
      const opened = await Promise.all(keys.map((key) => openCapsule(message.capsule, key)));
      const { contentKey } = opened.flatMap((one) => (one.ok ? [one.value] : []))[0]!;
      const innerToken = Buffer.from((await compactDecrypt(message.outer, contentKey)).plaintext).toString('latin1');

      for (const { privateKey } of keys) await expect(compactDecrypt(innerToken, privateKey)).rejects.toThrow();
      await expect(compactDecrypt(innerToken, county.receiving.privateKey)).resolves.toBeDefined();
    });

    it('the capsule of another message', async () => {
      const { sealed: others } = await delivered(municipality, county);
      const context = employment.context(kela, 'request', { categories: [9], basis: [statute([9])] });
      const manifest = await employment.manifest(context, others);
      await employment.post({ ...others, manifest });
      const { message } = await kela.mailUntil(({ message: mail }) => mail?.manifest === manifest);
      expect(message?.outer).toBe(others.outer);

      const { refused } = await kela.release(hashOf(manifest));

      expect(refused).toMatchObject({ code: 'CAPSULE_MISMATCH', final: true });
      await employment.mailUntil(employment.notice('undeliverable', context.messageId));
    });

    it('a message for another recipient', async () => {
      const { sealed: message } = await delivered(municipality, county);
      expect(await kela.release(message.manifestHash)).toMatchObject({ refused: { code: 'NOT_IN_MAILBOX' } });
      expect((await kela.mail()).some(kela.message(message.manifestHash))).toBe(false);
    });

    it('a release request that the recipient signed, in the hands of another agency', async () => {
      const { sealed: message } = await delivered(municipality, county);
      const signed = await county.releaseRequest(message.manifestHash);
      const { body } = await kela.postReleases(signed);
      expect(body.results[0]).toMatchObject({ refused: { code: 'SENDER_MISMATCH' } });
    });

    it('an ordinary message posted as capsule', async () => {
      const { context, sealed: message } = await sealed(municipality, county);
      const parts = { outer: message.outer, capsule: await sealedToAudit('kotovayla-inner+jwe', message.manifest) };
      const manifest = await municipality.manifest(context, parts);
      expect(await refusedAtOnce(municipality, { ...parts, manifest }, context.messageId)).toEqual([
        422,
        'TYP_MISMATCH',
      ]);
    });

    it('an ordinary message under the name of a capsule', async () => {
      const { context, sealed: message } = await sealed(municipality, county);
      const parts = { outer: message.outer, capsule: await sealedToAudit('kotovayla-capsule+jwe', '{"type":"test"}') };
      const manifest = await municipality.manifest(context, parts);
      await municipality.post({ ...parts, manifest });
      await county.mailUntil(county.message(hashOf(manifest)));
      expect(await county.release(hashOf(manifest))).toMatchObject({ refused: { code: 'CAPSULE_MISMATCH' } });
    });

    const sealedToAudit = async (typ: string, text: string): Promise<string> => {
      const { kid, publicKey } = await releaseKeyOf(hub.addresses.gateway);
      return new CompactEncrypt(Buffer.from(text))
        .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', kid, typ })
        .encrypt(publicKey);
    };
  });

  describe('with the basis', () => {
    it('wider categories than the consent', async () => {
      const id = await consented();
      expect(await rejected(municipality, county, resting(id, 1, [11, 12]))).toBe('CONSENT_TOO_NARROW');
    });

    it('another purpose than the consent', async () => {
      const given = { ...resting(await consented()), purpose: 'assessment' };
      expect(await rejected(municipality, county, given)).toBe('CONSENT_TOO_NARROW');
    });

    it('the consent of another person', async () => {
      const given = { ...resting(await consented()), subjects: [aPseudonym('somebody else')] };
      expect(await rejected(municipality, county, given)).toBe('CONSENT_TOO_NARROW');
    });

    it('a consent between others, which is not even confirmed to exist', async () => {
      const known = await consented();
      expect(await rejected(employment, county, resting(known))).toBe('NO_BASIS');
      expect(await rejected(employment, county, resting(newConsentId()))).toBe('NO_BASIS');
    });

    it('a consent that is not yet valid', async () => {
      const id = await consented({ validFrom: soon(3_600_000) });
      expect(await rejected(municipality, county, resting(id))).toBe('CONSENT_NOT_YET_VALID');
    });

    it('a consent that expires between sending and opening, and then again for sending', async () => {
      const validUntil = soon(4_000);
      const id = await consented({ validUntil });
      const { sealed: message, context } = await delivered(municipality, county, resting(id));
      await passed(validUntil);
      expect(whyNot(await county.release(message.manifestHash))).toBe('CONSENT_EXPIRED');
      await municipality.mailUntil(municipality.notice('withdrawn', context.messageId));
      expect(await rejected(municipality, county, resting(id))).toBe('CONSENT_EXPIRED');
    });

    it('a consent that a newer version replaced between sending and opening, and then again for sending', async () => {
      const id = await consented();
      const { sealed: message } = await delivered(municipality, county, resting(id));
      await consented({
        id,
        version: 2,
        grants: grantEach([11], { disclosers: [county.id], recipients: [municipality.id] }),
      });
      expect(whyNot(await county.release(message.manifestHash))).toBe('CONSENT_SUPERSEDED');
      expect(await rejected(municipality, county, resting(id))).toBe('CONSENT_SUPERSEDED');
    });

    it('a withdrawn consent for sending', async () => {
      const id = await consented();
      await municipality.withdraw(id);
      expect(await rejected(municipality, county, resting(id))).toBe('CONSENT_WITHDRAWN');
    });

    it('a consent withdrawn before opening', async () => {
      const id = await consented();
      const { sealed: message, context } = await delivered(municipality, county, resting(id));
      await municipality.withdraw(id);
      expect(whyNot(await county.release(message.manifestHash))).toBe('CONSENT_WITHDRAWN');
      expect(whyNot(await county.release(message.manifestHash))).toBe('CONSENT_WITHDRAWN');
      await municipality.mailUntil(municipality.notice('withdrawn', context.messageId));
    });

    it('a consent suspended between sending and opening: refused, not for good, and opened once it is resumed', async () => {
      const id = await consented();
      const { sealed: message } = await delivered(municipality, county, resting(id));
      await municipality.act('suspend', id);
      expect(await county.release(message.manifestHash)).toMatchObject({
        refused: { code: 'CONSENT_INACTIVE', final: false },
      });
      await municipality.act('resume', id);
      await until(async () => (await county.release(message.manifestHash)).released !== undefined);
    });

    it('a consent suspended and then withdrawn: refused for good', async () => {
      const id = await consented();
      const { sealed: message } = await delivered(municipality, county, resting(id));
      await municipality.act('suspend', id);
      await municipality.withdraw(id);
      expect(whyNot(await county.release(message.manifestHash))).toBe('CONSENT_WITHDRAWN');
    });

    it('a consent withdrawn after opening, for opening again', async () => {
      const id = await consented();
      const { sealed: message } = await delivered(municipality, county, resting(id));
      const wish = { jti: randomUUID() };
      expect(await county.release(message.manifestHash, wish)).toHaveProperty('released');
      await municipality.withdraw(id);
      expect(whyNot(await county.release(message.manifestHash, wish))).toBe('CONSENT_WITHDRAWN');
      expect(whyNot(await county.release(message.manifestHash))).toBe('CONSENT_WITHDRAWN');
    });

    it('a withdrawal and an opening at the same moment: one of the two, and afterwards nothing is opened', async () => {
      for (let round = 0; round < 5; round++) {
        const id = await consented();
        const { sealed: message } = await delivered(municipality, county, resting(id));
        const [opened] = await Promise.all([county.release(message.manifestHash), municipality.withdraw(id)]);
        expect([undefined, 'CONSENT_WITHDRAWN']).toContain(whyNot(opened));
        expect(whyNot(await county.release(message.manifestHash))).toBe('CONSENT_WITHDRAWN');
      }
    });

    it('the consent database restored to before the withdrawal: the log still knows', async () => {
      const id = await consented();
      const { sealed: message } = await delivered(municipality, county, resting(id));
      const wish = { jti: randomUUID() };
      expect(await county.release(message.manifestHash, wish)).toHaveProperty('released');
      await municipality.withdraw(id);
      expect(whyNot(await county.release(message.manifestHash))).toBe('CONSENT_WITHDRAWN');

      await asAdministrator(
        `SET session_replication_role = replica;
         DELETE FROM consent.consent_act WHERE consent_id = '${id}';
         UPDATE consent.consent SET state = 'active', ended_at = NULL WHERE consent_id = '${id}'`,
      );

      expect(whyNot(await county.release(message.manifestHash, wish))).toBe('CONSENT_WITHDRAWN');
      expect(whyNot(await county.release(message.manifestHash))).toBe('CONSENT_WITHDRAWN');
      const { sealed: later } = await delivered(municipality, county, resting(id));
      expect(whyNot(await county.release(later.manifestHash))).toBe('CONSENT_WITHDRAWN');
      expect(await asAdministrator(`SELECT 1 FROM consent.consent_use WHERE consent_id = '${id}'`)).toHaveLength(0);
    });

    const disclosed = (id: ConsentId): Promise<Sent> => delivered(county, municipality, resting(id), 'referral');

    it('a one-time consent twice at the same moment: exactly one', async () => {
      const id = await consented({ uses: { kind: 'once' } });
      const [one, two] = [await disclosed(id), await disclosed(id)];
      const results = await Promise.all(
        [one, two].map(({ sealed: message }) => municipality.release(message.manifestHash)),
      );
      expect(results.map(whyNot).sort()).toEqual(['CONSENT_USED_UP', undefined]);
      expect(await asAdministrator(`SELECT 1 FROM consent.consent_use WHERE consent_id = '${id}'`)).toHaveLength(1);
    });

    it('a consent that is used up, for sending', async () => {
      const id = await consented({ uses: { kind: 'once' } });
      const { sealed: message } = await disclosed(id);
      expect(await municipality.release(message.manifestHash)).toHaveProperty('released');
      expect(await rejected(county, municipality, resting(id), 'referral')).toBe('CONSENT_USED_UP');
    });

    it('no basis, a provision that does not exist, one that does not apply', async () => {
      const without = await sealed(municipality, county);
      const manifest = await municipality.manifest({ ...without.context, basis: [] }, without.sealed);
      expect(await municipality.post({ ...without.sealed, manifest })).toMatchObject({
        status: 422,
        body: { code: 'BASIS_MALFORMED' },
      });
      const [basis] = without.context.basis;
      const unknown = { ...basis!, secrecyLift: { statute: { id: '1/1900-1', version: 1 } } };
      expect(await rejected(municipality, county, { basis: [unknown] })).toBe('STATUTE_UNKNOWN');
      const given = { categories: [12], basis: [statute([12])] };
      expect(await rejected(municipality, county, given)).toBe('STATUTE_NOT_APPLICABLE');
    });
  });

  describe('with keys', () => {
    it('a signing key that is not in the log', async () => {
      const { context, sealed: message } = await sealed(municipality, county);
      const stranger = { ...municipality.signing, ...(await generateSigningKey()) };
      const manifest = await municipality.manifest(context, message, stranger);
      expect(await refusedAtOnce(municipality, { ...message, manifest }, context.messageId)).toEqual([
        422,
        'SIGNATURE_INVALID',
      ]);
      const { sealed: sound } = await delivered(municipality, county);
      const result = await county.release(sound.manifestHash, { signer: await generateSigningKey() });
      expect(result).toMatchObject({ refused: { code: 'SIGNATURE_INVALID' } });
    });

    it('a receiving key that is not in the log', async () => {
      const impostor = await hub.stranger(county.id);
      expect(await rejected(municipality, impostor)).toBe('RECIPIENT_KEY_UNKNOWN');
    });

    it('a receiving key revoked between sending and opening', async () => {
      const other = await hub.agency('H-05');
      const { context, sealed: message } = await delivered(municipality, other);
      await other.revoke(other.receiving.kid);
      expect(whyNot(await other.release(message.manifestHash))).toBe('KEY_REVOKED');
      const { notice } = await municipality.mailUntil(municipality.notice('undeliverable', context.messageId));
      expect(codeOf(notice!)).toBe('KEY_REVOKED');
      expect(await rejected(municipality, other)).toBe('KEY_REVOKED');
    });

    it('a receiving key rotated between sending and opening: the message still opens', async () => {
      const other = await hub.agency('H-06');
      const { sealed: message } = await delivered(municipality, other);
      const [old, fresh] = [other.receiving, await generateReceivingKey()];
      await other.publish(await other.keyRecord('receiving', fresh.publicJwk));
      const renewed = async (): Promise<Sent> => {
        other.receiving = fresh;
        const sent = await sealed(municipality, other);
        await municipality.post(sent.sealed);
        other.receiving = old;
        return sent;
      };
      await until(async () => {
        const { context } = await renewed();
        const { notice } = await municipality.mailUntil(
          (item) => municipality.about(item, context.messageId) !== undefined,
        );
        return codeOf(notice!) === undefined;
      });

      const { released } = await other.release(message.manifestHash);
      const { message: mail } = await other.mailUntil(other.message(message.manifestHash));
      expect((await other.open(municipality, mail!, released!)).content).toEqual({ type: 'test' });
    });

    it('a signing key revoked after the message was accepted: the message still opens, the next is refused', async () => {
      const other = await hub.agency('T-02');
      const { sealed: message } = await delivered(other, county);
      const fresh = await generateSigningKey();
      await other.publish(await other.keyRecord('signing', fresh.publicJwk));
      const revoked = other.signing;
      await other.revoke(revoked.kid);
      await until(async () => {
        const { sealed: next } = await sealed(other, county);
        return (await other.post(next)).body.code === 'KEY_REVOKED';
      });

      const { released } = await county.release(message.manifestHash);
      const { message: mail } = await county.mailUntil(county.message(message.manifestHash));
      expect((await county.open(other, mail!, released!)).content).toEqual({ type: 'test' });
      other.signing = fresh;
      await until(async () => (await other.post((await sealed(other, county)).sealed)).status === 202);
    });

    it('an agency that is not onboarded gets no token', async () => {
      const stranger = await hub.stranger('K-049');
      await expect(stranger.accessToken()).rejects.toThrow('invalid_client');
    });

    it('a suspended sender, at the edge and past it; a suspended recipient', async () => {
      const other = await hub.agency('K-049');
      const { context, sealed: message } = await sealed(other, county);
      await other.setStatus('suspended');
      await until(async () => (await other.post(message)).body.code === 'AGENCY_NOT_ONBOARDED');
      await forged({ agency: other.id, ...message });
      await until(async () => (await rejected(county, other, gateless, 'notice')) === 'RECIPIENT_UNKNOWN');

      await other.setStatus('active');
      await until(async () => (await other.call('GET', '/v1/mailbox')).status === 200);
      expect(await other.told('rejected', context.messageId)).toBe('AGENCY_NOT_ONBOARDED');
    });
  });

  describe('by repeating', () => {
    it('the same message three times has one effect', async () => {
      const { context, sealed: message } = await sealed(municipality, county);
      const answers = await Promise.all([1, 2, 3].map(() => municipality.post(message)));
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
      await municipality.told('accepted', context.messageId);
      expect((await municipality.post(message)).body).toEqual(answers[0]!.body);
      // Of the same exchange, so it comes after all of them.
      const last = await delivered(municipality, county, { ...gateless, exchangeId: context.exchangeId }, 'notice');

      await municipality.told('accepted', last.context.messageId);
      expect((await county.mail()).filter(county.message(message.manifestHash))).toHaveLength(1);
      expect((await municipality.mail()).filter(municipality.notice('accepted', context.messageId))).toHaveLength(1);
    });

    it('one message id for two messages', async () => {
      const first = await delivered(municipality, county);
      const { messageId } = first.context;
      expect(await rejected(municipality, county, { messageId })).toBe('MESSAGE_ID_REUSED');
      expect(await county.release(first.sealed.manifestHash)).toHaveProperty('released');
    });

    it('the message id of another agency, posted before it', async () => {
      const honest = await sealed(municipality, county);
      const { messageId } = honest.context;
      const thief = await delivered(employment, county, { messageId });
      await municipality.post(honest.sealed);
      expect(await employment.told('accepted', messageId)).toBe('');
      expect(await municipality.told('accepted', messageId)).toBe('');
      expect(await county.release(honest.sealed.manifestHash)).toHaveProperty('released');
      expect(await county.release(thief.sealed.manifestHash)).toHaveProperty('released');
    });

    it('the exchange of another agency, opened before it: the owner is told and opens another', async () => {
      const honest = await sealed(municipality, county);
      const { messageId, exchangeId } = honest.context;
      await delivered(employment, county, { messageId, exchangeId });
      await municipality.post(honest.sealed);
      expect(await municipality.told('rejected', messageId)).toBe('EXCHANGE_PARTIES_MISMATCH');
      await delivered(municipality, county);
    });

    it('the same release request gets the same leaf, a new one a new leaf', async () => {
      const { sealed: message } = await delivered(municipality, county);
      const wish = { jti: randomUUID(), iat: numericDate(new Date()) };
      const [one, same, other] = [
        await county.release(message.manifestHash, wish),
        await county.release(message.manifestHash, wish),
        await county.release(message.manifestHash),
      ];
      const leaf = ({ released }: ReleaseResult): number => released!.receipt.leafIndex;
      expect(leaf(same)).toBe(leaf(one));
      expect(leaf(other)).toBeGreaterThan(leaf(one));
      expect(await Promise.all([one, same, other].map((result) => county.entryType(result)))).toEqual([
        'message-released',
        'message-released',
        'message-re-released',
      ]);
    });

    it('the jti of another release request', async () => {
      const [one, two] = [await delivered(municipality, county), await delivered(municipality, county)];
      const wish = { jti: randomUUID() };
      expect(await county.release(one.sealed.manifestHash, wish)).toHaveProperty('released');
      expect(whyNot(await county.release(two.sealed.manifestHash, wish))).toBe('RELEASE_REQUEST_INVALID');
    });

    it('an old release request', async () => {
      const { sealed: message } = await delivered(municipality, county);
      const iat = numericDate(new Date()) - 61;
      expect(whyNot(await county.release(message.manifestHash, { iat }))).toBe('RELEASE_REQUEST_INVALID');
    });
  });

  describe('past the edge, straight into Kafka', () => {
    it('nothing in the name of an agency harms it', async () => {
      const honest = await sealed(municipality, county);
      const others = await sealed(employment, county, { messageId: honest.context.messageId });
      const forgery = await employment.manifest(honest.context, honest.sealed);
      await forged(
        { agency: municipality.id, ...honest.sealed, manifest: forgery },
        { agency: municipality.id, ...honest.sealed, outer: others.sealed.outer },
        { agency: municipality.id, ...honest.sealed, capsule: others.sealed.capsule },
        { agency: employment.id, ...honest.sealed },
        { agency: municipality.id, ...others.sealed },
        { agency: municipality.id, manifest: 'x', capsule: 'y', outer: 'z' },
      );
      await log.publish(topics.submissions, [{ key: honest.context.exchangeId, value: Buffer.from('not protobuf') }]);

      await municipality.post(honest.sealed);

      expect(await municipality.told('accepted', honest.context.messageId)).toBe('');
      expect(await county.release(honest.sealed.manifestHash)).toHaveProperty('released');
      expect((await county.mail()).filter(county.message(honest.sealed.manifestHash))).toHaveLength(1);
      for (const agency of [municipality, employment])
        expect((await agency.mail()).some(agency.notice('rejected', honest.context.messageId))).toBe(false);
    });

    it('what is no record at all is set aside by who consumes it, and an operator sees where and why, and what a retry comes to', async () => {
      const [ofExchange, ofAudit] = [topics.submissions, topics.exchangeEvents];
      const word = randomUUID();
      // A text of 255 bytes is said to follow.
      const noRecord = Buffer.concat([Buffer.from([0x0a, 0xff, 0x01]), Buffer.from(word)]);
      for (const topic of [ofExchange, ofAudit]) await log.publish(topic, [{ key: 'k', value: noRecord }]);
      const hash = sha256(noRecord);
      interface Listed {
        readonly record: string;
        readonly topic: string;
        readonly hash: string;
        readonly code: string;
        readonly retries: number;
      }
      const listed = async (): Promise<Listed[]> => (await operator('set-aside', 'list')).data['records'] as Listed[];
      const ours = async (): Promise<Listed[]> => (await listed()).filter((one) => one.hash === hash);
      await until(async () => (await ours()).length === 2);
      const found = await ours();
      expect(found.map(({ topic }) => topic).sort()).toEqual([ofAudit, ofExchange].sort());
      for (const { record, topic, code } of found) {
        expect(record).toMatch(topic === ofAudit ? /^audit\/quarantine\// : /^exchange\/quarantine\//);
        expect(await operator('set-aside', 'retry', record)).toMatchObject({
          code: 1,
          data: { retried: [{ record, result: 'refused', code }] },
        });
      }
      expect((await ours()).map(({ retries }) => retries)).toEqual([1, 1]);
      expect(JSON.stringify(await listed())).not.toContain(word);
      for (const { record } of found) {
        const ended = ['--operator', 'Olli Operaattori', '--reason', 'no record at all'];
        expect(await operator('set-aside', 'discard', record, '--hash', hash, ...ended)).toMatchObject({
          code: 0,
          data: { record, result: 'discarded' },
        });
      }
      expect(await ours()).toEqual([]);
    });
  });

  describe('with the parts and the size', () => {
    it.each<[string, number, string, (message: SealedMessage) => Parts]>([
      ['signature', 422, 'SIGNATURE_INVALID', (m) => ({ ...m, manifest: changed(m.manifest, 2) })],
      ['claims', 422, 'SIGNATURE_INVALID', (m) => ({ ...m, manifest: withPurpose(m.manifest, 'move') })],
      ['capsule', 422, 'HASH_MISMATCH', (m) => ({ ...m, capsule: changed(m.capsule, 3) })],
      ['outer', 422, 'HASH_MISMATCH', (m) => ({ ...m, outer: changed(m.outer, 3) })],
      ['spelling', 422, 'TOKEN_CHARACTERS', (m) => ({ ...m, outer: `${m.outer} ` })],
      ['size', 413, 'CONTENT_TOO_LARGE', (m) => ({ ...m, outer: m.outer.padEnd(131_073, 'A') })],
    ])('a message whose %s was changed', async (_part, status, code, tampered) => {
      const { context, sealed: message } = await sealed(municipality, county);
      expect(await refusedAtOnce(municipality, tampered(message), context.messageId)).toEqual([status, code]);
    });

    it('a message in a post of several: the others pass', async () => {
      const [one, bad, two] = [
        await sealed(municipality, county),
        await sealed(municipality, county),
        await sealed(municipality, county),
      ];
      const { status, body } = await municipality.post(
        one.sealed,
        { ...bad.sealed, outer: one.sealed.outer },
        two.sealed,
      );
      expect(status).toBe(202);
      expect(body.messages).toMatchObject([
        { status: 'submitted', messageId: one.context.messageId },
        { status: 'refused', problem: { code: 'HASH_MISMATCH', status: 422 } },
        { status: 'submitted', messageId: two.context.messageId },
      ]);
      expect(await municipality.told('rejected', bad.context.messageId)).toBe('HASH_MISMATCH');
      expect(await municipality.told('accepted', two.context.messageId)).toBe('');
    });

    it('what names no message is refused and logged all the same', async () => {
      const { sealed: message } = await sealed(municipality, county);
      const [, payload, signature] = message.manifest.split('.');
      const header = { alg: 'none', kid: municipality.signing.kid, typ: 'kotovayla-manifest+jws' };
      const manifest = [Buffer.from(JSON.stringify(header)).toString('base64url'), payload, signature].join('.');
      expect(await municipality.post({ ...message, manifest })).toMatchObject({
        status: 422,
        body: { code: 'ALG_NOT_ALLOWED' },
      });
      expect((await municipality.post()).body.code).toBe('MALFORMED');
      await until(async () => {
        const codes = await municipality.loggedCodes('edge-refused');
        return codes.includes('ALG_NOT_ALLOWED') && codes.includes('MALFORMED');
      });
    });

    it('a post that is larger than 64 messages can be: refused before it is read', async () => {
      // A fresh nonce, so that the proof is not what is refused.
      await municipality.call('GET', `/v1/consents?subject=${aPseudonym('client')}`);
      const { headers } = await municipality.prepared('POST', '/v1/messages', {});
      const post = request(`${hub.addresses.gateway}/v1/messages`, {
        method: 'POST',
        headers: { ...headers, 'content-length': 9 * 1024 * 1024 },
      });
      post.flushHeaders();
      const [answer] = (await once(post, 'response')) as [IncomingMessage];
      expect(answer.statusCode).toBe(413);
      expect(JSON.parse(await text(answer))).toMatchObject({ code: 'CONTENT_TOO_LARGE' });
      post.destroy();
    });
  });

  describe('with what is asked, of whom and when', () => {
    it('a message in the name of another agency', async () => {
      const { context, sealed: message } = await sealed(municipality, county);
      expect(await refusedAtOnce(employment, message, context.messageId)).toEqual([403, 'SENDER_MISMATCH']);
    });

    it('an unknown recipient', async () => {
      const nobody = await hub.stranger('H-07');
      expect(await rejected(municipality, nobody)).toBe('RECIPIENT_UNKNOWN');
    });

    it('an unknown category, and one that the recipient does not hold', async () => {
      const asked = (category: number) => ({ categories: [category], basis: [statute([category])] });
      expect(await rejected(municipality, county, asked(99))).toBe('CATEGORY_UNKNOWN');
      expect(await rejected(municipality, county, asked(9))).toBe('CATEGORY_NOT_HELD');
    });

    it('a message past its end, at the edge and behind it', async () => {
      const now = numericDate(new Date());
      const long = await sealed(municipality, county, { iat: now - 600, exp: now - 120 });
      expect(await refusedAtOnce(municipality, long.sealed, long.context.messageId)).toEqual([422, 'MESSAGE_EXPIRED']);
      expect(await rejected(municipality, county, { iat: now - 600, exp: now - 5 })).toBe('MESSAGE_EXPIRED');
    });

    it('a message whose end comes before its opening', async () => {
      const exp = numericDate(new Date()) + 4;
      const { context, sealed: message } = await delivered(municipality, county, { exp });
      await passed(new Date(exp * 1000 + 1_000).toISOString());
      expect(whyNot(await county.release(message.manifestHash))).toBe('MESSAGE_EXPIRED');
      await municipality.mailUntil(municipality.notice('expired', context.messageId));
    });

    it('an end beyond the life of the release key, a message from the future', async () => {
      const now = numericDate(new Date());
      expect(await rejected(municipality, county, { exp: now + 2 * 365 * 86_400 })).toBe('EXP_TOO_LATE');
      const early = await sealed(municipality, county, { iat: now + 120 });
      expect(await refusedAtOnce(municipality, early.sealed, early.context.messageId)).toEqual([422, 'IAT_IN_FUTURE']);
    });

    it('a wished deadline that has passed, and one beyond what the law allows', async () => {
      expect(await rejected(municipality, county, { deadline: '2025-01-02' })).toBe('DEADLINE_PASSED');
      expect(await rejected(municipality, county, { deadline: '2099-01-02' })).toBe('DEADLINE_INVALID');
    });

    it('an answer after the deadline', async () => {
      const { context, sealed: question } = await delivered(municipality, county);
      await asAdministrator(
        `UPDATE exchange.exchanges SET deadline = now() - interval '1 s' WHERE id = '${context.exchangeId}'`,
      );
      const answer = { exchangeId: context.exchangeId, inReplyTo: question.manifestHash };
      expect(await rejected(county, municipality, answer, 'answer')).toBe('DEADLINE_PASSED');
    });
  });
});

/** Why a release was refused; of a message that has ended already, why it ended. */
const whyNot = ({ refused }: ReleaseResult): string | undefined =>
  refused?.code === 'MESSAGE_FINAL' ? refused.detail.replace(/^[a-z]+: /, '') : refused?.code;

/** Another character in the middle of a segment: still a token by its spelling. */
function changed(token: string, segment: number): string {
  const segments = token.split('.');
  const text = segments[segment]!;
  const middle = Math.floor(text.length / 2);
  segments[segment] = text.slice(0, middle) + (text[middle] === 'A' ? 'B' : 'A') + text.slice(middle + 1);
  return segments.join('.');
}

function withPurpose(manifest: string, purpose: string): string {
  const [header, payload, signature] = manifest.split('.');
  const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as { context: MessageContext };
  claims.context.purpose = purpose;
  return [header, Buffer.from(canonicalJson(claims)).toString('base64url'), signature].join('.');
}
