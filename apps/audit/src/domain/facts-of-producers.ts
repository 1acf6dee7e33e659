import { type Topic, topics } from '#contracts';
import { mayWrite, releaseTypes } from './entry-types.js';

/** Who keeps an outbox of facts that become entries. The gateway keeps none: exchange, which is told of its refusals, has its part. */
export const reconcilingTopics = [topics.exchangeEvents, topics.consentEvents, topics.directoryEvents] as const;
export type ReconcilingTopic = (typeof reconcilingTopics)[number];

export const isReconcilingTopic = (topic: string): topic is ReconcilingTopic =>
  (reconcilingTopics as readonly string[]).includes(topic);

const isRelease = (type: string): boolean => (releaseTypes as readonly string[]).includes(type);

/**
 * By which topic a producer's entry of this type came, as far as that producer has to do with it; exchange with releases, and
 * with refusals at the edge.
 */
export function topicOfFact(producer: ReconcilingTopic, type: string): Topic | undefined {
  if (mayWrite(producer, type)) return producer;
  if (producer !== topics.exchangeEvents) return undefined;
  if (mayWrite(topics.gatewayRefusals, type)) return topics.gatewayRefusals;
  return isRelease(type) ? topics.auditEvents : undefined;
}

/** A first choice by the index; the body decides. */
export const typesOfProducer: Readonly<Record<ReconcilingTopic, RegExp>> = {
  [topics.exchangeEvents]: /^(message|exchange|release|edge)-/,
  [topics.consentEvents]: /^(consent|subject|decider|basis|account)-/,
  [topics.directoryEvents]: /^(agency|key|responsibility|contact|catalogue|directory)/,
};
