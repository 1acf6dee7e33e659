/** What is asked: method and path of the call, and its query by the names of the API. */
export interface AskedQuestion {
  readonly call: string;
  readonly query: Readonly<Record<string, string>>;
}

/** Of the API. Nobody signs what goes without saying. */
const defaults: Readonly<Record<string, string>> = { from: '0', limit: '100', closed: 'false', count: 'false' };

const isSaid = ([name, value]: readonly [string, string]): boolean => value !== '' && defaults[name] !== value;

const saidIn = (query: AskedQuestion['query']): string =>
  JSON.stringify(
    Object.entries(query)
      .filter(isSaid)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );

export const isSameQuestion = (one: AskedQuestion, other: AskedQuestion): boolean =>
  one.call === other.call && saidIn(one.query) === saidIn(other.query);
