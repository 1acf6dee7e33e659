import type { OpenedExchangeDto } from '../describe-api/shared.dto.js';
import type { OpenedExchange } from './ask-for-information.handler.js';

export const shownExchange = ({ categories, basis, ...rest }: OpenedExchange): OpenedExchangeDto => ({
  ...rest,
  categories: [...categories],
  basis: [...basis],
});
